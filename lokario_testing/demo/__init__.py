"""The story `./lokario demo` plays: one module per scenario, each a function of the stage."""
