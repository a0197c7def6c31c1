"""What a program does with the generated client; run by test_api_schema.py in an interpreter of its own.

Arguments: address of the API, its key, a tenant.
"""

import sys

from engine_client import AuthenticatedClient, models
from engine_client.api.contacts import add_suppression, create_segment, list_suppressions
from engine_client.api.messages import get_message, list_message_events, send_message
from engine_client.api.quotas import check_quota, get_capacity
from engine_client.api.templates import create_template

url, key, tenant = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = AuthenticatedClient(base_url=url, token=key, timeout=120)

capacity = get_capacity.sync(tenant, client=client)
assert capacity.total_ips == 2, capacity
question = models.QuotaQuestion(emails_to_send=1)
assert check_quota.sync(tenant, client=client, body=question).can_send

text = models.TemplateCreate(tenant_id=tenant, name="Order", subject="Order {{ number }}", html="<p>{{ number }}</p>")
template = create_template.sync(client=client, body=text)
assert template.variables == ["number"], template

data = models.MessageCreateData()
data["number"] = "4711"
order = models.MessageCreate(tenant_id=tenant, to=["jean@x.test"], template_id=template.id, data=data)
first = send_message.sync(client=client, body=order, idempotency_key="order-4711")
again = send_message.sync(client=client, body=order, idempotency_key="order-4711")
assert first.id == again.id, (first, again)
assert get_message.sync(first.id, client=client).recipients[0].email == "jean@x.test"
assert list_message_events.sync(first.id, client=client).total == 0
assert get_capacity.sync(tenant, client=client).remaining_today == capacity.remaining_today - 1

add_suppression.sync(client=client, body=models.SuppressionCreate(tenant_id=tenant, email="gone@x.test"))
assert list_suppressions.sync(tenant, client=client, email="gone@x.test").items[0].reason == "manual"
order.to = ["gone@x.test"]
refused = send_message.sync(client=client, body=order)
assert isinstance(refused, models.Problem), refused
assert refused.status == 409, refused

rule = models.SegmentRule(
    subject=models.SegmentRuleSubject.CONSENT, operator=models.SegmentRuleOperator.IS, value="given"
)
segment = create_segment.sync(client=client, body=models.SegmentCreate(tenant_id=tenant, name="S", rules=[rule]))
assert segment.contacts == 0, segment
print("done")
