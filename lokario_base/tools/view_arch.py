"""The XML of a form or a list, as Odoo has combined it for one reader."""

from lxml import etree


def show_only(arch, condition: str) -> None:
    """Make all fields read-only for the records that meet a condition on their `company_id`."""
    for node in arch.xpath(".//field[not(ancestor::field)]"):
        given = node.get("readonly")
        node.set("readonly", f"({given}) or ({condition})" if given else condition)
    hidden = "column_invisible" if arch.tag == "list" else "invisible"
    if "company_id" in condition:
        etree.SubElement(arch, "field", {"name": "company_id", hidden: "1", "readonly": "1"})
