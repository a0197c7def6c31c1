from . import test_late_invoices
