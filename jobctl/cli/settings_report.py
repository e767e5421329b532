"""The settings in force, as `config` shows them."""

from jobctl.cli.context import Session
from jobctl.config_file import LOCAL_CONTEXT
from jobctl.services.config import SettingInForce, SettingsReport
from jobctl.setting_values import shown_value
from jobctl.settings import PURPOSES


def settings_report(session: Session) -> SettingsReport:
    """The settings in force, passwords left out."""
    resolved = session.resolved
    missing = "" if resolved.config_file_exists else " (absent)"
    store = "redis" if not session.is_local else f"{LOCAL_CONTEXT}, in {session.data_directory}"
    return SettingsReport(
        context=resolved.context,
        config_file=f"{resolved.config_file}{missing}",
        store=store,
        items=tuple(
            SettingInForce(
                name=name,
                value=shown_value(name, getattr(resolved.settings, name)),
                origin=resolved.origins[name],
                purpose=purpose,
            )
            for name, purpose in PURPOSES.items()
        ),
    )
