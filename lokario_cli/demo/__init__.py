"""The story `./lokario demo` plays: one module per chapter, each a function of the stage."""
