"""`config`: the settings in force and where each comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobctl.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInForce:
    """`value` is safe to print: no password of a URL; None is not set."""

    name: str
    value: str | None
    origin: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReport:
    context: str
    config_file: str
    store: str
    items: tuple[SettingInForce, ...]


def config(report: SettingsReport, names: Sequence[str]) -> SettingsReport:
    """*report* cut down to *names*, in the order asked for; all of it for no names."""
    if not names:
        return report
    by_name = {item.name: item for item in report.items}
    for name in names:
        if name not in by_name:
            raise NotFoundError(f"no setting {name}", hint="jobctl config lists them all")
    return SettingsReport(
        context=report.context,
        config_file=report.config_file,
        store=report.store,
        items=tuple(by_name[name] for name in names),
    )
