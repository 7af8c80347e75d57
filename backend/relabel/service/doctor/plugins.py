"""The doctor's check of what other packages add."""

from relabel.catalogue.options import options_of
from relabel.catalogue.plugins import GROUPS, plugins
from relabel.errors import ConfigurationError
from relabel.service.doctor.findings import Finding


def check_plugins() -> Finding:
    """Import every plug-in, and name those that cannot be used and names that are taken twice."""
    found = [plugin for kind in GROUPS for plugin in plugins(kind)]
    wrong = []
    for kind, name in dict.fromkeys((plugin.kind, plugin.name) for plugin in found):
        try:
            options_of(kind, name)
        except ConfigurationError as error:
            wrong.append(str(error))
    if wrong:
        return Finding("plug-ins", ok=False, text=" ".join(wrong))
    told = ", ".join(f"{plugin.kind} {plugin.name!r} of {plugin.source}" for plugin in found)
    return Finding("plug-ins", ok=True, text=told or "no package adds any")
