"""A connected project with its policy and its classes: read once per event or request."""

from dataclasses import dataclass, replace

from relabel.labelstudio.labels import LabelSchema
from relabel.policy import Policy
from relabel.service.context import policy_of, schema_of
from relabel.settings import Settings
from relabel.storage.projects import Project


@dataclass(frozen=True, slots=True)
class Connected:
    """What an event or a request works with from its beginning to its end.

    The three belong together: the policy is that of the project's extra params, the schema that of
    its labelling config under this policy.
    """

    project: Project
    policy: Policy
    schema: LabelSchema

    def now(self, project: Project) -> "Connected":
        """Return the same with the project as it stands now, of which the config has not changed.

        For what changes while an event is carried out: how far it was read, and the note.
        """
        return replace(self, project=project)


def open_connected(settings: Settings, project: Project) -> Connected:
    """Read and check the policy and the schema of a project.

    Raises:
        ConfigurationError: a key, a value or a name of the policy is wrong.
        LabelConfigError: the labelling config is not supported.

    """
    policy = policy_of(settings, project.extra_params)
    return Connected(project, policy, schema_of(project, policy))
