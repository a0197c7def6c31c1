from odoo import models
from odoo.exceptions import UserError


class StateMixin(models.AbstractModel):
    """A record whose ``state`` moves along a table of transitions.

    The model names the table and moves by its methods ``_set_<state>()``; nothing else writes ``state`` (see
    tests/test_architecture.py)::

        _transitions = {"draft": {"sent", "cancelled"}, "sent": set(), "cancelled": set()}

        def _set_sent(self):
            self._set_state("sent", sent_at=fields.Datetime.now())
    """

    _name = "lokario.state.mixin"
    _description = "State with Transitions"

    _transitions: dict[str, set[str]] = {}

    def _set_state(self, state: str, **values):
        """Write the state, and ``values`` with it.

        :raises UserError: one of the records cannot go there from where it is; nothing is written
        """
        for record in self:
            if state not in record._transitions[record.state]:
                raise UserError(record._transition_problem(state))
        self.write({**values, "state": state})

    def _transition_problem(self, state: str) -> str:
        labels = dict(self._fields["state"]._description_selection(self.env))
        return self.env._(
            "“%(record)s” is in the state “%(from)s”: it cannot become “%(to)s”.",
            **{"record": self.display_name, "from": labels[self.state], "to": labels[state]},
        )
