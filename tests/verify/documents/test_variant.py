"""Parameterizations as files: presets read back equal, and errors name key, value and choices."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from theory import (
    Architecture,
    Axis,
    InputError,
    Optimizer,
    Parts,
    Power,
    Role,
    UnavailableError,
    chain,
    completep,
    depth_mup,
    diagnose,
    residual,
    transformer,
)
from theory.convolution import Convolution
from theory.presets import is_preset, preset
from theory.scaling import Cell
from verify.documents.variant import (
    json_schema,
    read_variant,
    shipped_json_schema,
    variant_of,
    variant_text,
)

PRESETS = (
    *("standard", "ntk", "mean_field", "mup", "depth_mup", "residual_he", "am_mup"),
    *("completep", "completep(3/4)", "depth_mup_corrected(1/4)"),
)

WITH_PARTS = replace(transformer(), parts=Parts(biases=True, gated=True, post_norm=True))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("network", [residual(1), transformer(), chain(), WITH_PARTS], ids=str)
def test_presets_read_back_equal(name: str, optimizer: Optimizer, network: Architecture) -> None:
    parameterization = preset(name, optimizer)
    found = variant_of(variant_text(parameterization, network))
    assert (found.parameterization, found.architecture) == (parameterization, network)
    assert is_preset(name)


def test_a_variant_extends_a_preset(tmp_path: Path) -> None:
    file = tmp_path / "faster.toml"
    file.write_text(
        'extends = "depth_mup"\n'
        'optimizer = "adam"\n'
        "base = {width = 64, depth = 8}\n"
        "[roles.branch.first]\n"
        'rate = {width = "-1/2", depth = "-1/4"}\n'
        'decay = {width = "1/2"}\n'
    )
    found = read_variant(file)
    base = depth_mup(Optimizer.ADAM)
    first = found.parameterization[Role.BRANCH_FIRST]
    assert found.architecture == residual(2)
    assert found.parameterization.name == "faster"
    assert found.parameterization.base == Cell(64, 8)
    assert first.rate == Power("-1/2", "-1/4")
    assert first.decay == Power("1/2")
    assert first.multiplier == base[Role.BRANCH_FIRST].multiplier
    assert found.parameterization[Role.OUTPUT] == base[Role.OUTPUT]


def test_what_people_have_is_said_in_a_file() -> None:
    found = variant_of(
        'extends = "mup"\n'
        'optimizer = "adamw"\n'
        'attention = {width = "-1/2"}\n'
        "[network]\n"
        'family = "transformer"\n'
        "tied = true\n"
        "gains = true\n"
        "[roles.output]\n"
        "backward = {width = 0}\n"
        "starts_at_zero = true\n"
        "[roles.input]\n"
        "frozen = true\n"
        "independent_decay = {}\n"
        "[roles.bias]\n"
        "initialization = {}\n"
    )
    made = found.parameterization
    assert found.architecture == replace(transformer(), parts=Parts(tied=True, gains=True))
    assert (made.optimizer, made.attention) == (Optimizer.ADAM, Power(width="-1/2"))
    assert made[Role.OUTPUT].backward == Power()
    assert made[Role.OUTPUT].starts_at_zero
    assert made[Role.INPUT].frozen
    assert not made[Role.BIAS].starts_at_zero  # it is given a size
    again = variant_of(variant_text(made, found.architecture)).parameterization
    assert again == made


def test_independent_decay_is_what_a_step_takes_whatever_the_rate() -> None:
    role = '[roles.hidden]\nrate = {width = "-1/2"}\nindependent_decay = {width = "1/4"}\n'
    made = variant_of('extends = "mup"\n' + role).parameterization[Role.HIDDEN]
    assert made.decay is not None
    assert made.rate * made.decay == Power(width="1/4")


def test_decay_that_follows_the_rate_is_named() -> None:
    """The rate of square matrices is n^-1/2 here; decay that does not make up for it fades."""
    text = variant_text(completep(optimizer=Optimizer.ADAM), residual(2))
    constant = text.replace("[roles.hidden]", "[roles.hidden]\ndecay = {}")
    assert not diagnose(residual(2), variant_of(constant).parameterization)
    fading = text.replace('[roles."branch.first"]', '[roles."branch.first"]\ndecay = {}')
    found = diagnose(residual(2), variant_of(fading).parameterization, Axis.WIDTH)
    assert [str(problem) for problem in found] == [
        "the decay per step of branch.first goes as n^-1/2"
    ]
    assert [str(change) for change in found.cures[0]] == ["decay of branch.first times n^1/2"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a =", r"variant\.toml is no TOML"),
        ("foo = 1", r"unknown key foo; allowed there: name, source, extends"),
        ('extends = "mupp"', r"unknown preset 'mupp'; choose one of: standard, ntk"),
        ('extends = "mup(1)"', r"mup takes no exponent"),
        ('extends = "completep(2)"', r"alpha from 1/2 to 1"),
        ('optimizer = "lio"', r"optimizer = 'lio': choose one of: sgd, momentum, adam, lion, muon"),
        ("residual = 1", r'residual = 1: expected a table, such as \{width = "-1/2"\}'),
        ('residual = {depth = "1e999999999"}', r"residual\.depth: exponent '1e999999999' is no"),
        ("[roles.inputt]", r"roles\.inputt = 'inputt': choose one of: input, hidden"),
        ("[roles.branch.frist]", r"'branch\.frist': choose one of: input, hidden"),
        ("[roles.input]\nrat = {width = 1}", r"unknown key roles\.input\.rat; allowed there: mult"),
        ("[roles.input]\nrate = {width = 0.5}", r"rate\.width: exponent 0\.5 is a float"),
        ("[roles.input]\nrate = {n = 1}", r"unknown key roles\.input\.rate\.n; allowed there: wid"),
        ('[network]\nfamily = "mlp"', r"network\.family = 'mlp': choose one of: chain, residual"),
        ("[network]\nlayers_per_block = 0", r"layers per block 0: expected at least 1"),
        ("[network]\nlayers_per_block = true", r"layers_per_block = True: input should be a valid"),
        ('attention = "-1/2"', r"attention = '-1/2': expected a table"),
        ("[network]\ngains = true", r"not built with gains; leave it out"),
        ("[network]\ngated = 1", r"network\.gated = 1: input should be a valid boolean"),
        ("[roles.output]\nfrozen = 0", r"roles\.output\.frozen = 0: input should be a valid bool"),
        (
            'extends = "mup"\n[roles.output]\ndecay = {}\nindependent_decay = {}',
            r"decay and independent_decay of one role: give one of them",
        ),
        ("base = {width = 0, depth = 1}", r"both must be at least 1"),
        ("[roles.input]", r"nothing is said of branch\.first, branch\.last, output; give a table"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "variant.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_variant(file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot read .*No such file"):
        read_variant(tmp_path / "nothing.toml")


def test_what_files_do_not_say_is_not_left_out_in_silence() -> None:
    with pytest.raises(InputError, match="files say no convolution"):
        variant_text(completep(), Architecture(chain().family, convolution=Convolution()))


def test_the_shipped_schema_is_that_of_the_code() -> None:
    assert json.loads(shipped_json_schema()) == json_schema()
