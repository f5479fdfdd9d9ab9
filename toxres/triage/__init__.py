"""Accept, reject, or ask a person: from calibrated probabilities and a site's policy to verdicts with a promise.

```python
from toxres.triage import fit_triage, load_policy, load_triage, save_triage

policy = load_policy("news")                          # or a YAML file; `example_policies()` names those at hand
triage = fit_triage(probs, targets, groups, policy)   # (N, 6) calibrated, (N, 6) with NaN for unknown, (N,) or a name
verdicts = triage.decide(probs, groups)               # arrays: .verdict, .score, .group; and a sequence of `Verdict`
save_triage(triage, folder)                           # immutable: triage.json, policy.yaml
triage = load_triage(folder)
```

- `Policy` (frozen): `name`, `labels` (enforced: severity), `wrong_accepts` and `wrong_rejects` or `wrong_decisions`
  (tolerated shares), `groups`, `confidence`, `unknown_group`, `always_review`, `thresholds`, `daily_queue`;
  `.enforced`, `.hash`, `.to_dict()`, `.to_yaml()`.
- `Triage` (frozen): `policy`, `groups` (name: `GroupThresholds` with `accept`, `reject`, `promises`), `labels`,
  `calibrated_on`; `.decide(probs, groups)`, `.told()`.
- `Verdict` (frozen): `verdict` in accept, uncertain, reject; `score`; `reasons` (`Reason`: `label`, `probability`,
  `threshold`, `distance`, `rule`); `policy_hash`; `group`; `.to_dict()`.
- `truth(targets, labels, policy)`: which rows violate the policy, and of which rows that is known.

Where no thresholds keep the promise, `accept` and `reject` are None, every comment is uncertain, and the group's
`promises` say why, and how many calibration rows would do. What is promised, and on what: `toxres.triage.thresholds`.

The moderation database takes it from there, a SQLite file or PostgreSQL by URL; threads may share one:

```python
from toxres.triage import ScoredComment, claim_next, decide, open_database, record_comments

database = open_database("moderation.db", create=True)
record_comments(database, [ScoredComment(id, text, group, probs, verdict, model, policy_hash, enforced)])
for each in claim_next(database, "anna", group="news", order="uncertain", daily_cap=policy.daily_queue):
    decide(database, each.comment_id, "anna", "reject", ["insult"])        # or "accept"; correct=True supersedes
```

`decide` raises `UnknownComment`, `NotClaimed`, `AlreadyDecided` (all `InputError`); `claim_comment` takes one comment,
whatever its verdict; `release` gives one back; `left_today`, `queue_table`, `moderators_table` and `agreements` say
where things stand; `read_decisions` gives decisions as labelled comments; `draw_roles` draws a group's gate.
"""

from toxres.lazy import lazy_exports

_HOMES = {
    "Policy": "policy",
    "load_policy": "policy_file",
    "parse_policy": "policy_file",
    "example_policies": "policy_file",
    "fit_triage": "fit",
    "truth": "fit",
    "Triage": "verdicts",
    "GroupThresholds": "verdicts",
    "Verdict": "verdicts",
    "Verdicts": "verdicts",
    "Reason": "verdicts",
    "VERDICTS": "verdicts",
    "Promise": "promise",
    "save_triage": "record",
    "load_triage": "record",
    "Agreement": "decisions",
    "AlreadyDecided": "refusals",
    "Claimed": "queue",
    "Database": "database",
    "NotClaimed": "refusals",
    "Recorded": "intake",
    "ScoredComment": "intake",
    "UnknownComment": "refusals",
    "agreements": "overview",
    "claim_comment": "queue",
    "claim_next": "queue",
    "decide": "queue",
    "draw_roles": "gates",
    "export_decisions": "decisions",
    "left_today": "queue",
    "moderators_table": "overview",
    "open_database": "database",
    "queue_table": "overview",
    "read_decisions": "decisions",
    "record_comments": "intake",
    "release": "queue",
}

__all__ = [
    "VERDICTS",
    "Agreement",
    "AlreadyDecided",
    "Claimed",
    "Database",
    "GroupThresholds",
    "NotClaimed",
    "Policy",
    "Promise",
    "Reason",
    "Recorded",
    "ScoredComment",
    "Triage",
    "UnknownComment",
    "Verdict",
    "Verdicts",
    "agreements",
    "claim_comment",
    "claim_next",
    "decide",
    "draw_roles",
    "example_policies",
    "export_decisions",
    "fit_triage",
    "left_today",
    "load_policy",
    "load_triage",
    "moderators_table",
    "open_database",
    "parse_policy",
    "queue_table",
    "read_decisions",
    "record_comments",
    "release",
    "save_triage",
    "truth",
]

__getattr__ = lazy_exports(__name__, _HOMES)  # reading a policy needs no scipy
