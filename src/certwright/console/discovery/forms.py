"""What is asked of whoever has something looked at. What may be in the fields, sources and operations say."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ...core.errors import CertwrightError, Malformed
from ...core.quiet import parse_quiet
from ...core.sightings import ZONE_MAX
from ...operations.bridge import bridge
from ...operations.context import Context
from ...operations.discovery_runs import DiscoveryOrder, check_order
from ...operations.discovery_scopes import MINUTES_MAX, ScopeOrder, check_scope_name
from ...operations.discovery_sources import SettingKind, SourceSetting, source_settings
from ...store.discovery_rows import DiscoveryScopeRow
from .words import FIRST, LONG, setting_words

LINES = forms.Textarea({"rows": 4, "spellcheck": "false", "autocomplete": "off"})
TEXT_MAX = 256 * 1024


class LinesField(forms.CharField):
    """Texts, one to a line."""

    widget = LINES

    def __init__(self, **values: Any) -> None:
        super().__init__(max_length=TEXT_MAX, **values)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else "\n".join(value or ())

    def clean(self, value: Any) -> Any:
        return tuple(line.strip() for line in super().clean(value).splitlines() if line.strip())


class SecretLinesField(LinesField):
    """Secrets, one to a line, with their spaces: not shown again either when something else is wrong."""

    def __init__(self, **values: Any) -> None:
        super().__init__(strip=False, **values)

    def prepare_value(self, value: Any) -> Any:
        return ""

    def clean(self, value: Any) -> Any:
        return tuple(line for line in forms.CharField.clean(self, value).splitlines() if line)


class TextField(forms.CharField):
    """A text of several lines, such as a key in PEM."""

    widget = LINES

    def clean(self, value: Any) -> Any:
        return super().clean(value).replace("\r\n", "\n")


class SecretTextField(TextField):
    def prepare_value(self, value: Any) -> Any:
        return ""


class PairsField(LinesField):
    """A key and its value, one pair to a line."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return "\n".join(f"{key} {one}" for key, one in value.items())
        return super().prepare_value(value)

    def clean(self, value: Any) -> dict[str, str]:
        pairs = [line.split(None, 1) for line in super().clean(value)]
        if any(len(pair) != 2 for pair in pairs):
            raise forms.ValidationError(_("Write two words on each line, like 25 smtp."))
        return {key: one.strip() for key, one in pairs}


FIELDS: Mapping[SettingKind, type[forms.Field]] = {
    SettingKind.TEXT: forms.CharField,
    SettingKind.NUMBER: forms.IntegerField,
    SettingKind.FRACTION: forms.FloatField,
    SettingKind.SWITCH: forms.BooleanField,
    SettingKind.LIST: LinesField,
    SettingKind.MAP: PairsField,
}


def setting_field(source: str, setting: SourceSetting, given: Mapping[str, Any]) -> forms.Field:
    """The field of one setting. A secret is never shown again: it is empty, and stays as it was when it is
    left so."""
    label, help_text = setting_words(source, setting.name)
    needed = setting.default is None and not setting.secret
    facts: dict[str, Any] = {"label": label, "help_text": help_text, "required": needed}
    if setting.secret:
        facts["help_text"] = f"{help_text} {_('It is never shown again; empty: as it was.')}".strip()
        if setting.kind is SettingKind.LIST:
            return SecretLinesField(**facts)
        if (source, setting.name) in LONG:
            return SecretTextField(**facts)
        facts |= {"widget": forms.PasswordInput({"autocomplete": "new-password"}), "strip": False}
    else:
        facts["initial"] = given.get(setting.name, setting.default)
    return (TextField if (source, setting.name) in LONG else FIELDS[setting.kind])(**facts)


class LookForm(forms.Form):
    """What a source is to look at, and how: `settings` are those that differ from what the source takes for
    usual. Secrets are asked for only where they are kept encrypted (`keeps_secrets`)."""

    targets = LinesField(label=_("What to look at, one to a line"))
    exclude = LinesField(
        label=_("What is never touched"), required=False, help_text=_("Written the same way.")
    )
    zone = forms.CharField(
        label=_("Zone"),
        required=False,
        max_length=ZONE_MAX,
        help_text=_("Which workers look: those with this zone in their settings. Empty: the usual ones."),
    )
    keeps_secrets = False
    has_secrets = False
    main: tuple[str, ...] = ("targets", "exclude")

    def __init__(self, source: str, given: Any = None, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(given, initial=dict(initial or {}))
        self.source = source
        known = source_settings(source)
        self.offered = [one for one in known if self.keeps_secrets or not one.secret]
        kept: Mapping[str, Any] = (initial or {}).get("settings", {})
        for one in self.offered:
            self.fields[f"set_{one.name}"] = setting_field(source, one, kept)
        self.fields["targets"].help_text = setting_words(source, "targets")[1]

    @property
    def first_fields(self) -> list[Any]:
        """Those that everybody fills in, the source's own last."""
        needed = [f"set_{name}" for source, name in FIRST if source == self.source]
        return [self[name] for name in (*self.main, *needed) if name in self.fields]

    @property
    def other_fields(self) -> list[Any]:
        first = {field.name for field in self.first_fields}
        return [field for field in self.visible_fields() if field.name not in first]

    @property
    def others_are_wrong(self) -> bool:
        return any(field.errors for field in self.other_fields)

    def settings(self) -> dict[str, Any]:
        found = {}
        for one in self.offered:
            value = self.cleaned_data.get(f"set_{one.name}")
            left = value is None or value == "" or (one.secret and not value)
            if not left and _as_kept(value) != _as_kept(one.default):
                found[one.name] = _as_kept(value)
        return found

    def look(self) -> DiscoveryOrder:
        given = self.cleaned_data
        return DiscoveryOrder(
            self.source, given["targets"], given["exclude"], self.settings(), given.get("zone", "")
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.has_secrets or self.errors:
            return given  # with those that are kept only the operation can tell
        self._check_settings()
        if not self.errors:
            whole = self.look()
            without = replace(whole, exclude=())
            self._try("targets", lambda context: check_order(context, without))
            if not self.errors:
                self._try("exclude", lambda context: check_order(context, whole))
        return given

    def _check_settings(self) -> None:
        """What is wrong is said at its field where one alone is to blame, else above all."""
        settings = self.settings()
        wrong = self._problem(settings)
        if not wrong:
            return
        needed = {one.name for one in self.offered if one.default is None and not one.secret}
        least = self._problem({key: settings[key] for key in settings.keys() & needed})
        for name in settings:
            some = {key: value for key, value in settings.items() if key == name or key in needed}
            problem = self._problem(some)
            if problem and problem != least:
                self.add_error(f"set_{name}", problem)
        if not self.errors:
            self.add_error(None, wrong)

    def _problem(self, settings: dict[str, Any]) -> str:
        return _problem(lambda context: context.open_source(self.source, settings))

    def _try(self, field: str, act: Callable[[Context], object]) -> None:
        if problem := _problem(act):
            self.add_error(field, problem)


def _problem(act: Callable[[Context], object]) -> str:
    """What the act says is malformed, empty for nothing."""

    async def tried(context: Context) -> None:
        act(context)

    try:
        bridge().call(tried)
    except Malformed as error:
        return error.detail
    return ""


def _as_kept(value: Any) -> Any:
    """As JSON has it: a tuple is a list there, and the keys of a mapping are texts."""
    return json.loads(json.dumps(dict(value) if isinstance(value, Mapping) else value))


class ScopeForm(LookForm):
    every_minutes = forms.IntegerField(
        label=_("Every how many minutes"),
        min_value=0,
        max_value=MINUTES_MAX,
        initial=1440,
        help_text=_("1440 is once a day. 0: only when somebody asks."),
    )
    quiet = LinesField(
        label=_("Quiet times, one to a line, in UTC"),
        required=False,
        help_text=_("No run begins then, and one that is under way pauses. Like mon-fri 08:00-18:00."),
    )
    version = forms.IntegerField(widget=forms.HiddenInput, initial=0)
    keeps_secrets = True
    main: tuple[str, ...] = ("targets", "exclude", "every_minutes", "quiet")

    def __init__(self, source: str, given: Any = None, scope: DiscoveryScopeRow | None = None) -> None:
        super().__init__(source, given, _initial(scope) if scope else None)
        self.has_secrets = bool(scope and scope.secrets)

    def clean_quiet(self) -> tuple[str, ...]:
        quiet: tuple[str, ...] = self.cleaned_data["quiet"]
        try:
            parse_quiet(quiet)
        except CertwrightError as error:
            raise forms.ValidationError(error.detail) from error
        return quiet

    def order(self, name: str) -> ScopeOrder:
        given = self.cleaned_data
        return ScopeOrder(name, self.look(), given["every_minutes"], given["quiet"])


class NewScopeForm(ScopeForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("Small letters, digits, dots and hyphens: servers-paris."),
    )
    main = ("name", "targets", "exclude", "every_minutes", "quiet")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            check_scope_name(name)
        except CertwrightError as error:
            raise forms.ValidationError(error.detail) from error
        return name


def _initial(scope: DiscoveryScopeRow) -> dict[str, Any]:
    lists = {name: json.loads(getattr(scope, name)) for name in ("targets", "exclude", "quiet", "settings")}
    plain = {name: getattr(scope, name) for name in ("zone", "every_minutes", "version")}
    return lists | plain
