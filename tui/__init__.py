"""nntui's screen over the engine."""

import engine

# `engine` is a common name. Without this check a user's own engine.py in the current folder would be imported in its place
# and fail in some far corner.
if not hasattr(engine, "_HOMES"):
    raise SystemExit(
        f"nntui: {engine.__file__} is not nntui's engine; rename that module or start nntui from another folder"
    )
