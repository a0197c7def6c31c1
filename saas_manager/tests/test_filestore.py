import tempfile
from pathlib import Path
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from odoo.addons.saas_manager.exceptions import DatabaseExists
from odoo.addons.saas_manager.tools.filestore import Filestore


@tagged("post_install", "-at_install")
class TestFilestore(BaseCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "tpl" / "ab").mkdir(parents=True)
        (self.root / "tpl" / "ab" / "abcd").write_text("content")
        (self.root / "tpl" / "checklist").mkdir()
        (self.root / "tpl" / "checklist" / "x").touch()
        self.filestore = Filestore(self.root)

    def test_files_are_shared_and_survive_each_other(self):
        self.assertEqual(self.filestore.clone("tpl", "copy"), 1)
        copied = self.root / "copy" / "ab" / "abcd"
        self.assertTrue(copied.samefile(self.root / "tpl" / "ab" / "abcd"))
        self.assertFalse((self.root / "copy" / "checklist").exists())
        self.assertTrue(self.filestore.remove("copy"))
        self.assertEqual((self.root / "tpl" / "ab" / "abcd").read_text(), "content")
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), ["tpl"])

    def test_nothing_is_overwritten(self):
        self.filestore.clone("tpl", "copy")
        with self.assertRaises(DatabaseExists):
            self.filestore.clone("tpl", "copy")

    def test_an_interrupted_removal_is_finished(self):
        self.filestore.clone("tpl", "copy")
        with patch("shutil.rmtree", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
            self.filestore.remove("copy")
        self.assertFalse(self.filestore.path("copy").exists())
        self.filestore.clone("tpl", "copy.other")
        self.assertTrue(self.filestore.remove("copy"))
        self.assertEqual(sorted(path.name for path in self.root.iterdir()), ["copy.other", "tpl"])

    def test_nothing_to_do(self):
        self.assertEqual(self.filestore.clone("missing", "copy"), 0)
        self.assertFalse(self.filestore.remove("missing"))
