from . import test_visual_editor
