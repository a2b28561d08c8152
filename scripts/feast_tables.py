"""What the scripts that put `rain` beside Feast have in common: one table, declared for both."""

import datetime
import json

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float32, Float64, Int64, String

TYPES = {"float32": Float32, "float64": Float64, "int64": Int64, "string": String}
CONTRACT = """
table: events
key: [event_timestamp, ENTITY]
time: event_timestamp
entity: ENTITY
label: {column: label, positive: "yes"}
columns:
- {name: event_timestamp, type: date, known_at: 0}
- {name: ENTITY, type: category, known_at: 0}
- {name: label, type: category, values: ["no", "yes"], known_at: 48}
"""


def for_rain(folder, entity, tables):
    """What `rain features get` reads beside the tables. JSON is YAML."""
    (folder / "features.yaml").write_text(
        json.dumps({"entities": [], "sources": [], "views": [], "services": [], "tables": tables}))
    (folder / "contract.yaml").write_text(CONTRACT.replace("ENTITY", entity))


def table(name, file, keys, ttl_days, fields):
    """A table of ours; `event` and `created` are its times."""
    return {"name": name, "file": str(file), "keys": keys, "event": "event", "created": "created",
            "ttl_days": ttl_days, "fields": list(fields)}


def feast_view(name, file, keys, ttl_days, fields, text_keys=False):
    """The same for Feast: its entities and its view. `fields` has a type for each name."""
    kind = ValueType.STRING if text_keys else ValueType.INT64
    entities = [Entity(name=f"{name}_{key}", join_keys=[key], value_type=kind) for key in keys]
    view = FeatureView(
        name=name, entities=entities, ttl=datetime.timedelta(days=ttl_days),
        schema=[Field(name=field, dtype=TYPES[kind]) for field, kind in fields.items()],
        source=FileSource(path=str(file), timestamp_field="event", created_timestamp_column="created"))
    return [*entities, view]


def feast_config(folder, offline="file", online=None):
    """What Feast calls feature_store.yaml: SQLite online unless told otherwise."""
    online = online or {"type": "sqlite", "path": str(folder / "online.db")}
    return {"project": "beside", "provider": "local", "registry": str(folder / f"{offline}_{online['type']}.registry"),
            "offline_store": {"type": offline}, "online_store": online, "entity_key_serialization_version": 3}


def feast_store(folder, offline="file", online=None):
    """An open store of Feast's in a folder."""
    return FeatureStore(config=RepoConfig(**feast_config(folder, offline, online)))
