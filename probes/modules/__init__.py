"""Measure anyone's module: sizes, changes, and what every parameter does.

One *cell* is one network of one size and seed, trained for a few steps. Its numbers are

===========  =======================================================================================
size         rms of a module's output at initialization
change       rms of a module's output after k steps minus the same before, on the same inputs
scores       rms of what the softmax of an attention sees at initialization
input        rms of what a query or a key reads
gain         rms of the output of a read for random inputs, over the rms of the input
share        -<gradient, update>: a parameter's part of the loss's decrease, to first order
signal       norm of dL/dz at the read's output z
own          share / (signal sqrt(numel z)) for every unit of the input: what the parameter's first
             step does to z along the gradient. Under an optimizer that follows the gradient's
             length (SGD), for every unit of the gradient, too
alone        rms of what the parameter's first step does to z, for every unit of the same
epsilon      rms(update) / rate under Adam, where there is a gradient: less than 1 by its epsilon
decay        rate times weight decay
===========  =======================================================================================

Constants that multiply z next belong to the read, and constants that multiplied its input last.
"""
