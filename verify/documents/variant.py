"""A parameterization as a file: exact powers by role, and the network that they are for.

Imports pydantic, tomlkit and ``theory``. The file is TOML; ``variant-1.schema.json`` describes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
)

from theory.architecture import (
    Activation,
    Architecture,
    BlockForm,
    Family,
    Normalization,
    Role,
)
from theory.errors import InputError, UnavailableError
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.parts import Parts
from theory.presets import preset
from theory.scaling import ONE, Cell, Power, rational

_EXPONENT = 'an exact exponent: a whole number or text such as "-1/2"'


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PowerTable(_Table):
    """n^width L^depth."""

    width: int | str = Field(default=0, description=_EXPONENT)
    depth: int | str = Field(default=0, description=_EXPONENT)

    @field_validator("width", "depth", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        return str(rational(value))

    def power(self) -> Power:
        """As a power."""
        return Power(self.width, self.depth)


class RoleTable(_Table):
    """How one role scales; what is left out is as in ``extends``, or constant."""

    multiplier: PowerTable | None = None
    initialization: PowerTable | None = Field(None, description="standard deviation of an entry")
    rate: PowerTable | None = None
    epsilon: PowerTable | None = Field(None, description="factor of Adam's base epsilon")
    decay: PowerTable | None = Field(
        None, description="factor of the base weight decay, which a step multiplies by the rate"
    )
    independent_decay: PowerTable | None = Field(
        None, description="factor of the base weight decay, where the rate does not multiply it"
    )
    backward: PowerTable | None = Field(
        None, description="multiplier on the way back, where it is another than the forward one"
    )
    starts_at_zero: StrictBool | None = None
    frozen: StrictBool | None = Field(None, description="has no rate")


class CellTable(_Table):
    """A network at which the parameterization is the standard one."""

    width: StrictInt
    depth: StrictInt


class NetworkTable(_Table):
    """The network that the variant is for."""

    family: Family = Family.RESIDUAL
    layers_per_block: StrictInt = 2
    activation: Activation = Activation.RELU
    form: BlockForm = BlockForm.PRE_ACTIVATION
    normalization: Normalization = Normalization.NONE
    biases: StrictBool = False
    gains: StrictBool = False
    gated: StrictBool = False
    tied: StrictBool = Field(default=False, description="the readout is the embedding")
    parallel: StrictBool = Field(default=False, description="attention and MLP side by side")
    grouped: StrictBool = Field(default=False, description="two heads share keys and values")
    post_norm: StrictBool = False
    variance_factor: int | str = Field(
        default="1", description="T of residual networks, c of chains: exact, such as 2"
    )

    @field_validator("variance_factor", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        return str(rational(value))


class VariantTable(_Table):
    """A parameterization and its network."""

    name: str | None = None
    source: str | None = None
    extends: str | None = Field(None, description="a preset, such as depth_mup or completep(3/4)")
    optimizer: Optimizer = Optimizer.SGD
    residual: PowerTable | None = Field(None, description="multiplier of every branch, once")
    attention: PowerTable | None = Field(
        None, description='multiplier of scores, a power of the head width: {width = "-1/2"}'
    )
    base: CellTable | None = None
    network: NetworkTable = NetworkTable()
    roles: dict[Role, RoleTable] = Field(default={}, description="tables by role")

    @field_validator("roles", mode="before")
    @classmethod
    def _without_quotes(cls, value: Any) -> Any:
        """``[roles.branch.first]`` is TOML's way to write a table in a table."""
        if not isinstance(value, dict) or not isinstance(value.get("branch"), dict):
            return value
        flat = {role: table for role, table in value.items() if role != "branch"}
        return flat | {f"branch.{part}": table for part, table in value["branch"].items()}


@dataclass(frozen=True, slots=True)
class Variant:
    """What a file says."""

    architecture: Architecture
    parameterization: Parameterization


def json_schema() -> dict[str, Any]:
    """The schema of the file."""
    return VariantTable.model_json_schema()


def shipped_json_schema() -> str:
    """The schema as it is shipped."""
    return (files("verify.documents") / "variant-1.schema.json").read_text(encoding="utf-8")


def read_variant(path: Path) -> Variant:
    """Raises ``UnavailableError`` for no file, ``InputError`` for what it should not say."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UnavailableError(f"cannot read {str(path)!r} ({reason}); give a TOML file") from None
    return variant_of(text, str(path), path.stem)


def variant_of(text: str, file: str = "the text", stem: str = "variant") -> Variant:
    """What TOML says; ``file`` is named in errors. Raises ``InputError``."""
    try:
        table = VariantTable.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file} is no TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{file}: {_said(error)}") from None
    try:
        made = Variant(_architecture(table.network), _parameterization(table, stem))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    missing = sorted(set(made.architecture.roles) - dict(made.parameterization.roles).keys())
    if missing:
        raise InputError(
            f"{file}: nothing is said of {', '.join(missing)}; give a table [roles.{missing[0]}] "
            'for each, empty for constants, or extends = "mup"'
        )
    return made


def _said(error: ValidationError) -> str:
    """The first thing that is wrong: key, value and what is allowed."""
    first, more = error.errors()[0], error.error_count() - 1
    place = [str(part) for part in first["loc"] if part not in ("[key]", "int", "str")]
    key, value = ".".join(place), first["input"]
    if first["type"] == "extra_forbidden":
        text = f"unknown key {key}; allowed there: {', '.join(_allowed(place[:-1]))}"
    elif first["type"] == "enum":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        text = f"{key} = {value!r}: choose one of: {allowed}"
    elif first["type"] == "model_type":
        text = f'{key} = {value!r}: expected a table, such as {{width = "-1/2"}}'
    elif first["type"] == "value_error":
        text = f"{key}: {first['ctx']['error']}"
    else:
        text = f"{key} = {value!r}: {first['msg'].lower()}"
    return text + (f" ({more} more after it)" if more else "")


def _allowed(place: list[str]) -> list[str]:
    """The keys of a table."""
    if not place:
        return list(VariantTable.model_fields)
    if place[0] == "roles":
        tables: dict[int, list[str]] = {
            1: [str(role) for role in Role],
            2: list(RoleTable.model_fields),
        }
        return tables.get(len(place), list(PowerTable.model_fields))
    kinds: dict[str, type[BaseModel]] = {"network": NetworkTable, "base": CellTable}
    return list(kinds.get(place[0], PowerTable).model_fields)


def _architecture(table: NetworkTable) -> Architecture:
    layers = 1 if table.family is Family.CHAIN else table.layers_per_block
    transformer = table.family is Family.TRANSFORMER
    return Architecture(
        table.family,
        table.activation,
        layers,
        variance_factor=Fraction(table.variance_factor),
        form=table.form,
        normalization=Normalization.RMS if transformer else table.normalization,
        parts=Parts(**{part.name: getattr(table, part.name) for part in fields(Parts)}),
    )


def _parameterization(table: VariantTable, stem: str) -> Parameterization:
    name = table.name or stem
    if table.extends is not None:
        start = preset(table.extends, table.optimizer)
    else:
        start = Parameterization(name, ONE, (), "a file", table.optimizer)
    known = dict(start.roles)
    roles = dict(known)
    for role, item in table.roles.items():
        roles[role] = _scaling(item, known.get(role, RoleScaling()))
    unsaid = f"{start.name}, changed by {name}" if table.extends else start.source
    return Parameterization(
        name,
        start.residual if table.residual is None else table.residual.power(),
        tuple(roles.items()),
        table.source or unsaid,
        table.optimizer,
        None if table.base is None else Cell(table.base.width, table.base.depth),
        start.attention if table.attention is None else table.attention.power(),
    )


def _scaling(table: RoleTable, start: RoleScaling) -> RoleScaling:
    def power(name: str, before: Power | None) -> Any:
        held = getattr(table, name)
        return before if held is None else held.power()

    rate, decay = power("rate", start.rate), power("decay", start.decay)
    if table.independent_decay is not None:
        if table.decay is not None:
            raise InputError("decay and independent_decay of one role: give one of them")
        decay = table.independent_decay.power() / rate
    zero = start.starts_at_zero and table.initialization is None
    return RoleScaling(
        power("multiplier", start.multiplier),
        power("initialization", start.std),
        rate,
        power("epsilon", start.epsilon),
        decay,
        power("backward", start.backward),
        zero if table.starts_at_zero is None else table.starts_at_zero,
        start.frozen if table.frozen is None else table.frozen,
    )


def variant_text(parameterization: Parameterization, architecture: Architecture) -> str:
    """The file that says so; read back, it is equal."""
    document = tomlkit.document()
    document["name"] = parameterization.name
    document["source"] = parameterization.source
    document["optimizer"] = str(parameterization.optimizer)
    if parameterization.base is not None:
        cell = parameterization.base
        document["base"] = _inline({"width": cell.width, "depth": cell.depth})
    document["residual"] = _power(parameterization.residual)
    if architecture.family is Family.TRANSFORMER:
        document["attention"] = _power(parameterization.attention)
    document["network"] = _network(architecture)
    roles = tomlkit.table(is_super_table=True)
    for role, item in parameterization.roles:
        table = tomlkit.table()
        parts = {
            "multiplier": item.multiplier,
            "initialization": item.std,
            "rate": item.rate,
            "epsilon": item.epsilon,
        }
        for name, power in parts.items():
            if power != ONE:
                table[name] = _power(power)
        for name in ("decay", "backward"):
            if getattr(item, name) is not None:
                table[name] = _power(getattr(item, name))
        for name in ("starts_at_zero", "frozen"):
            if getattr(item, name):
                table[name] = True
        roles[str(role)] = table
    document["roles"] = roles
    return tomlkit.dumps(document)


def _network(architecture: Architecture) -> Any:
    unsaid = (architecture.stream_width, architecture.convolution)
    if any(part is not None for part in unsaid) or architecture.dropout:
        raise InputError(f"{architecture}: files say no convolution, stream width or dropout")
    table = tomlkit.table()
    table["family"] = str(architecture.family)
    if architecture.family is not Family.CHAIN:
        table["layers_per_block"] = architecture.layers_per_block
    table["activation"] = str(architecture.activation)
    if architecture.form is not BlockForm.PRE_ACTIVATION:
        table["form"] = str(architecture.form)
    if architecture.normalized:
        table["normalization"] = str(architecture.normalization)
    for name in architecture.parts.names:
        table[name] = True
    table["variance_factor"] = str(architecture.variance_factor)
    return table


def _power(power: Power) -> Any:
    parts = {"width": power.width, "depth": power.depth}
    return _inline({name: _number(value) for name, value in parts.items() if value})


def _number(value: Fraction) -> int | str:
    return int(value) if value.denominator == 1 else str(value)


def _inline(parts: Mapping[str, int | str]) -> Any:
    table = tomlkit.inline_table()
    table.update(parts)
    return table
