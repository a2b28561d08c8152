//! Pipelines as DVC writes them: `dvc.yaml`, the graph, `dvc.lock`, run cache, parallel reproduction.
