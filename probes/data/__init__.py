"""What networks see: Gaussian inputs, images, and the batches of a replicate."""
