#!/bin/sh
# A campaign from nothing to its figures, by curl alone.
#
#   ENGINE_URL=https://odoo.example.com ENGINE_API_KEY=lke_… EVENTS_URL=https://…/api/v2/webhooks/powermta/TOKEN \
#   ACCOUNTING=/var/log/pmta/acct.csv ZONE=/tmp/zone sh docs/campaign_walkthrough.sh
#
# Step 1 writes to the file ZONE what a new domain has to publish, and step 2 waits until the DNS answers so.
# TENANT (default 1) is the tenant of the key. EVENTS_URL is shown once by Email Engine > Configuration > Event
# sources > New path token. With PowerMTA's webhook or `./lokario acct-feed` in place, step 6 is not needed.
set -eu

: "${ENGINE_URL:?}" "${ENGINE_API_KEY:?}" "${EVENTS_URL:?}" "${ACCOUNTING:?}" "${ZONE:?}"
TENANT=${TENANT:-1}
DOMAIN=${DOMAIN:-mail2.sos-mail.com}
IP=${IP:-45.123.10.2}
API=$ENGINE_URL/api/v2

call() { # METHOD PATH [BODY]
    if [ $# -gt 2 ]; then
        curl -fsS -X "$1" -H "Authorization: Bearer $ENGINE_API_KEY" "$API$2" -d "$3"
    else
        curl -fsS -X "$1" -H "Authorization: Bearer $ENGINE_API_KEY" "$API$2"
    fi
}
number() { sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | head -n 1; }
first_id() { sed -n 's/^{"id": *\([0-9][0-9]*\).*/\1/p'; }

wait_for() { # SECONDS TEXT METHOD PATH
    tries=0
    until answer=$(call "$3" "$4") && echo "$answer" | grep -q "$2"; do
        tries=$((tries + 1))
        [ "$tries" -le "$1" ] || { echo "Still no $2 at $4: $answer" >&2; exit 1; }
        sleep 1
    done
}

echo "1. A domain and its IP: what to publish in the DNS"
DOMAIN_ID=$(call POST /domains "{\"tenant_id\": $TENANT, \"domain\": \"$DOMAIN\", \"ip\": \"$IP\"}" | number domain_id)
call GET "/domains/$DOMAIN_ID/zone" | tee "$ZONE"

echo "2. Until the DNS is green: then the IP starts its warm-up"
wait_for ${DNS_SECONDS:-3600} '"dns_state":"ok"' POST "/domains/$DOMAIN_ID/check"
call GET "/quotas/$TENANT" | tr ',' '\n' | grep -e status -e remaining_today

echo "3. A template and contacts"
TEMPLATE=$(call POST /templates "{\"tenant_id\": $TENANT, \"name\": \"Welcome $$\",
  \"subject\": \"Hello {{ first_name }} - Special offer!\",
  \"html\": \"<p>Bonjour [FNAME],</p><p>{{ city }}</p><p><a href='[UNSUBSCRIBE_URL]'>Se désinscrire</a></p>\"}" | first_id)
curl -fsS -H "Authorization: Bearer $ENGINE_API_KEY" -H "Content-Type: text/csv" \
    "$API/contacts/ingest?tenant_id=$TENANT&lists=Walkthrough" --data-binary @- <<CONTACTS
email,first_name,city,consent,consent_source
jean@example.com,Jean,Lyon,given,form of 2026-02-16
marie@example.com,Marie,Nantes,given,form of 2026-02-16
bounce-paul@example.com,Paul,Lille,given,form of 2026-02-16
CONTACTS
echo

echo "4. The campaign, sent: what fits today leaves at once"
CAMPAIGN=$(call POST /campaigns "{\"tenant_id\": $TENANT, \"name\": \"Walkthrough $$\", \"template_id\": $TEMPLATE,
  \"lists\": [\"Walkthrough\"]}" | first_id)
call POST "/campaigns/$TENANT/$CAMPAIGN/send"
echo

echo "5. Until all of it is handed over to PowerMTA"
wait_for 60 '"state":"sent"' GET "/campaigns/$TENANT/$CAMPAIGN"

echo "6. PowerMTA's accounting comes back"
curl -fsS -H "Content-Type: text/csv" "$EVENTS_URL" --data-binary @"$ACCOUNTING"
echo

echo "7. How it fared"
call GET "/campaigns/$TENANT/$CAMPAIGN"
echo
call GET "/stats/$TENANT/overview"
echo
DELIVERED=$(call GET "/stats/$TENANT/performance?days=30" | number delivered)
echo "Delivered in 30 days: $DELIVERED"
