#!/usr/bin/env python3
"""Add a domain and its IP address to a tenant of the mail engine.

    export ENGINE_URL=http://localhost:8069 ENGINE_API_KEY=lke_…
    python scripts/add_domain.py --tenant 1 --domain mail1.sos-mail.com --ip 45.123.10.1

A thin client of POST /api/v2/domains; the answer lists the DNS records to publish.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request

TIMEOUT = 30  # seconds


def main():
    args = _parse()
    body = {"tenant_id": args.tenant, "domain": args.domain, "ip": args.ip, "selector": args.selector}
    request = urllib.request.Request(
        f"{args.url.rstrip('/')}/api/v2/domains",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {args.key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _show(json.load(response))
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {_detail(error)}")
    except OSError as error:
        sys.exit(f"{args.url} does not answer: {error}")


def _parse():
    parser = argparse.ArgumentParser(description="Add a domain and its IP address to a tenant.")
    parser.add_argument("--tenant", type=int, required=True)
    parser.add_argument("--domain", required=True)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--selector", default="default", help="of the DKIM key (default: default)")
    parser.add_argument("--url", default=os.environ.get("ENGINE_URL", "http://localhost:8069"))
    parser.add_argument("--key", default=os.environ.get("ENGINE_API_KEY"), help="default: $ENGINE_API_KEY")
    args = parser.parse_args()
    if not args.key:
        parser.error("set ENGINE_API_KEY, or give --key")
    return args


def _detail(error):
    try:
        return json.load(error)["detail"]
    except (ValueError, KeyError):
        return error.reason


def _show(answer):
    print(f"{answer['domain']} with {answer['ip_address']} was added (IP {answer['ip_id']}, {answer['status']}).")
    print("Publish these records; the IP starts to warm up when they are found:")
    for record in answer["records"]:
        print(f"  {record['name']} {record['type']} {record['value']}")


if __name__ == "__main__":
    main()
