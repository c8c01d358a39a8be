"""Accounts: endpoints, shapes, filters, writes, and how they hang together with contacts; a part of selftest.py."""

import json
from urllib.parse import quote

from accounts import ACME, FIELDS, GLOBEX, LABS, LISTED, OWNER, user_id
from selftest_case import ADA, GRACE, Case, Got

TABLES = "00000000-0000-4000-a000-000000000004"
NO_DOMAIN = "00000000-0000-4000-a000-000000000005"


class AccountCase(Case):
    plural = "accounts"

    def create(self, **body) -> Got:
        return self.ask("POST", "/accounts", body)

    def patch(self, account_id: str = GLOBEX, **body) -> Got:
        return self.ask("PATCH", f"/accounts/{account_id}", body)

    def account(self, account_id: str) -> dict:
        return self.get(f"/accounts/{account_id}").data

    def contacts(self) -> list[dict]:
        return [json.loads(line) for line in self.get("/_contacts").body.splitlines()]


class Accounts(AccountCase):
    def test_endpoints(self) -> None:
        self.assertEqual(len(self.get("/accounts").data), 11)
        self.assertEqual(len(set(self.all_ids(3))), 11)
        self.assertEqual(self.account(ACME)["name"], "Acme")
        self.assertEqual(self.account("acme")["id"], ACME)
        self.assertEqual(self.account("o%274%2F4")["id"], TABLES)
        missing = self.get("/accounts/x")
        self.assertEqual((missing.status, missing.json["errors"], missing.json["code"]),
                         (404, ["Account not found!"], "not_found"))
        self.assertEqual(self.ask("PATCH", "/accounts", {"account_ids": [ACME], "owner_id": ""}).status, 404)
        self.assertEqual(self.ask("POST", "/accounts/merge", {}).status, 404)
        self.assertEqual(self.get("/accounts?limit=1000").status, 400)
        self.assertEqual(self.search(limit=0).status, 400)
        self.assertEqual(self.log()[0]["path"], "/accounts")

    def test_no_accounts(self) -> None:
        self.switch(accounts="off")
        for method, path, body in (("GET", "/accounts", None), ("POST", "/accounts", {"name": "x"}),
                                   ("GET", f"/accounts/{ACME}", None), ("POST", "/accounts/search", {})):
            got = self.ask(method, path, body)
            self.assertEqual((got.status, got.json["errors"]), (404, ["Not found!"]), path)
        self.assertEqual(self.get("/custom-fields?object_type=account").data, [])
        self.assertEqual(self.get(f"/contacts/{ADA}").data["account"]["id"], ACME)

    def test_recorded_shape(self) -> None:
        acme, globex = self.account(ACME), self.account(GLOBEX)
        self.assertEqual(tuple(acme), FIELDS[:-1])
        self.assertEqual(acme["owner"], {"id": OWNER, "email": "owner1@sample.example"})
        self.assertEqual(acme["custom_fields"]["products"], {"value": "", "values": ["chat", "email"]})
        self.assertEqual(acme["custom_fields"]["tags"], {"value": "not the tags"})
        self.assertEqual(globex["owner"], {"id": user_id(6)})
        self.assertEqual((globex["tags"], globex["parent_account_id"]), (None, None))
        self.assertNotIn("crm_settings", globex)
        empty = self.account(NO_DOMAIN)
        self.assertEqual((empty["owner"], empty["external_ids"], empty["custom_fields"], empty["domains"],
                          empty["is_disabled"]), (None, None, {}, [], True))
        self.assertEqual((self.account(LABS)["parent_account_id"], acme["subaccount_ids"]), (ACME, [LABS]))

    def test_shape_switches(self) -> None:
        for style, tags, owner in (("null", None, None), ("empty", [], None), ("absent", "none", "none")):
            self.switch(absent=style)
            got = self.account(NO_DOMAIN)
            self.assertEqual((got.get("tags", "none"), got.get("owner", "none")), (tags, owner))
        self.switch(absent="null")
        self.assertEqual(set(self.account(GLOBEX)), set(FIELDS))
        self.switch(era="B")
        self.assertEqual(set(self.account(GLOBEX)), set(LISTED))
        self.switch(era="A")
        self.assertEqual(set(self.account(GLOBEX)), set(LISTED) - {"updated_at"})
        self.assertEqual(self.account(ACME)["owner"], {"id": OWNER})
        self.switch(era="C", extra_keys="on", custom_slug="on", multi_valued="values")
        got = self.account(ACME)
        self.assertEqual(got["custom_fields"]["products"], {"slug": "products", "values": ["chat", "email"],
                                                            "interpreted_value": None})
        self.assertEqual((got["tags"], got["merged_from"][0]["tags"]), (["enterprise", "eu"], ["decoy"]))
        self.switch(last_page="empty_cursor")
        self.assertEqual(self.get("/accounts").json["pagination"], {"cursor": "", "has_next_page": False})
        self.switch(zero_matches="missing")
        self.assertNotIn("data", self.leaf("id", "equals", "x").json)

    def test_external_id_in_path(self) -> None:
        for era, switch, status in (("A", "on", 404), ("B", "on", 200), ("C", "on", 200), ("C", "off", 404)):
            self.switch(era=era, external_id_in_path=switch)
            self.assertEqual(self.get("/accounts/acme").status, status, (era, switch))

    def test_custom_fields(self) -> None:
        fields = self.get("/custom-fields?object_type=account").data
        self.assertEqual({field["object_type"] for field in fields}, {"account"})
        self.assertEqual({field["type"] for field in fields}, {"select", "number", "decimal", "boolean", "date",
                         "datetime", "multiselect", "text", "url", "user"})
        self.assertEqual({field["slug"] for field in fields if field["is_read_only"]}, {"account.hubspot.annualrevenue",
                         "account.salesforce.Account_Tier__c", "calendar.last_meeting_date"})
        contact_ids = {field["id"] for field in self.get("/custom-fields?object_type=contact").data}
        self.assertFalse(contact_ids & {field["id"] for field in fields})
        self.ask("POST", "/_custom_fields?object_type=account", [{"slug": "only", "type": "text"}])
        self.assertEqual(self.get("/custom-fields?object_type=account").data, [{"slug": "only", "type": "text"}])
        self.assertEqual(len(self.get("/custom-fields?object_type=contact").data), 13)
        self.assertEqual(self.ask("POST", "/_custom_fields?object_type=issue", []).status, 400)

    def test_contacts_belong_to_accounts(self) -> None:
        """Every account that a contact shows is in the list, as the contact shows it, and has the contact's domain."""
        for sizes, least in (({}, 4), ({"contacts": 2500, "seed": "7"}, 100), ({"contacts": 5}, 2)):
            self.ask("POST", "/_reset", sizes)
            accounts = {account["id"]: account for account in self.full()}
            self.assertEqual(len(accounts), 8 + max(1, sizes.get("contacts", 60) // 20))
            self.assertLess(len({account["name"] for account in accounts.values()}), len(accounts))
            of_the_domain = set()
            for contact in self.contacts():
                if contact["account"]:
                    account = accounts[contact["account"]["id"]]
                    self.assertEqual(contact["account"]["external_ids"], account["external_ids"])
                    if (contact["email"] or "").lower().partition("@")[2] in account["domains"]:
                        of_the_domain.add(account["id"])
            self.assertGreaterEqual(len(of_the_domain), least)

    def test_size(self) -> None:
        self.ask("POST", "/_reset", {"accounts": 2000, "contacts": 60})
        self.assertEqual(len(set(self.all_ids(999))), 2000)
        self.ask("POST", "/_reset", {"accounts": 2, "contacts": 60})
        self.assertEqual(len(self.get("/accounts").data), 11)
        self.ask("POST", "/_reset", {"contacts": 1000000})
        cursor = quote("after=50006/+", safe="")
        self.assertEqual([account["domains"] for account in self.get(f"/accounts?cursor={cursor}").data],
                         [["tyrell49999.example"]])
        self.assertEqual(len(self.leaf("domains", "contains", "tyrell49999.example").ids), 1)

    def test_control(self) -> None:
        raw = {"id": "raw", "domains": None, "strange": [1], "subaccount_ids": "odd", "external_ids": "odd"}
        self.assertEqual(self.ask("POST", "/_accounts", raw).status, 200)
        self.assertEqual(self.account("raw"), raw)
        self.assertEqual((len(self.full()), set(self.full()[11])), (12, set(FIELDS)))
        self.assertEqual(self.full()[0]["tags"], ["enterprise", "eu"])
        self.ask("PUT", "/_accounts", [{"id": "a", "owner": "odd", "tags": "odd", "custom_fields": []}, {"id": "b"}])
        self.assertEqual(self.get("/accounts").ids, ["a", "b"])
        self.assertEqual(self.leaf("owner_id", "is_unset").ids, ["a", "b"])
        self.assertEqual(self.leaf("tags", "contains", "odd").ids, [])
        self.assertEqual(self.ask("POST", "/_accounts", "[1]").status, 400)
        self.assertEqual(self.create(name="next").status, 200)
        self.assertEqual(len(self.get("/contacts").data), 60)

    def test_faults(self) -> None:
        self.fault("hollow", match="GET /accounts")
        page = self.get("/accounts?limit=5").json
        self.assertEqual((page["data"], page["pagination"]), ([], {"cursor": "after=4/+", "has_next_page": True}))
        cursor = self.search(limit=5).json["pagination"]["cursor"]
        self.fault("repeat_cursor", match="POST /accounts/search")
        self.assertEqual(self.search(limit=5, cursor=cursor).json["pagination"]["cursor"], cursor)
        self.fault("nul_escape", match="GET /accounts")
        self.assertIn("\0", self.get("/accounts").data[0]["name"])
        self.fault("status", match="POST /accounts$", status=500, when="after")
        self.assertEqual(self.get("/contacts").status, 200)
        self.assertEqual(self.create(name="made").status, 500)
        self.assertEqual(len(self.leaf("name", "equals", "made").ids), 1)

    def test_pace(self) -> None:
        self.switch(rate_limit=1)
        self.assertEqual([self.get(path).status for path in ("/accounts", "/contacts", "/accounts")], [200, 200, 429])
        self.switch(rate_limit=0, write_latency=200)
        with self.takes(0.2):
            self.patch(name="x")
        self.switch(write_latency=600000)
        self.search(limit=1)


class AccountFilters(AccountCase):
    def test_operators(self) -> None:
        self.ask("POST", "/_reset", {"contacts": 2500})
        full = self.full()

        def owner(account: dict) -> str | None:
            return (account["owner"] or {}).get("id")

        def known(account: dict) -> list:
            return [item["external_id"] for item in account["external_ids"] or []]

        for field, operator, value, test in (
                ("id", "equals", ACME, lambda a: a["id"] == ACME),
                ("id", "in", [ACME, LABS, "x"], lambda a: a["id"] in (ACME, LABS)),
                ("id", "not_in", [ACME], lambda a: a["id"] != ACME),
                ("name", "equals", "Globex", lambda a: a["name"] == "Globex"),
                ("name", "in", ["acme", "100%_pure"], lambda a: a["name"] in ("acme", "100%_pure")),
                ("name", "not_in", ["Globex"], lambda a: a["name"] != "Globex"),
                ("name", "string_contains", "17", lambda a: "17" in a["name"]),
                ("domains", "contains", "acme.example", lambda a: "acme.example" in a["domains"]),
                ("domains", "in", ["globex.com", "initech8.example"],
                 lambda a: {"globex.com", "initech8.example"} & set(a["domains"])),
                ("domains", "not_in", ["globex.com"], lambda a: "globex.com" not in a["domains"]),
                ("domains", "does_not_contain", "acme.com", lambda a: "acme.com" not in a["domains"]),
                ("tags", "contains", "eu", lambda a: "eu" in (a["tags"] or [])),
                ("tags", "in", ["EU", "a,b"], lambda a: {"EU", "a,b"} & set(a["tags"] or [])),
                ("tags", "not_in", ["eu"], lambda a: "eu" not in (a["tags"] or [])),
                ("tags", "does_not_contain", "eu", lambda a: "eu" not in (a["tags"] or [])),
                ("external_ids", "equals", "o'4/4", lambda a: "o'4/4" in known(a)),
                ("external_ids", "in", ["acme", "acct-30", "acct-31"], lambda a: {"acme", "acct-30"} & set(known(a))),
                ("external_ids", "not_in", ["acme"], lambda a: "acme" not in known(a)),
                ("external_ids", "is_set", None, known), ("external_ids", "is_unset", None, lambda a: not known(a)),
                ("owner_id", "equals", OWNER, lambda a: owner(a) == OWNER),
                ("owner_id", "in", [OWNER, user_id(6)], lambda a: owner(a) in (OWNER, user_id(6))),
                ("owner_id", "not_in", [OWNER], lambda a: owner(a) != OWNER),
                ("owner_id", "is_set", None, owner), ("owner_id", "is_unset", None, lambda a: not owner(a))):
            operand = {"values": value} if isinstance(value, list) else {"value": value}
            expected = [account["id"] for account in full if test(account)]
            self.assertTrue(expected, (field, operator))
            self.assertEqual(self.leaf(field, operator, **operand).ids, expected, (field, operator))
        self.assertEqual(len(self.leaf("domains", "contains", values=["acme.com", "globex.com"]).ids), 2)

    def test_refusals(self) -> None:
        for field, operator in (("id", "string_contains"), ("id", "is_set"), ("name", "is_set"), ("name", "contains"),
                                ("domains", "equals"), ("domains", "string_contains"), ("domains", "is_unset"),
                                ("tags", "is_set"), ("tags", "equals"), ("external_ids", "contains"),
                                ("external_ids", "string_contains"), ("owner_id", "string_contains"),
                                ("type", "equals"), ("primary_domain", "equals"), ("domain", "equals"),
                                ("is_disabled", "equals"), ("created_at", "time_is_after"), ("owner", "is_set"),
                                ("account_id", "equals"), ("email", "equals"), ("tier", "equals"), ("", "equals")):
            self.assertEqual(self.leaf(field, operator, "2026-01-01", ["x"] if operator == "in" else None).status, 400,
                             (field, operator))

    def test_generated_lookups(self) -> None:
        """A look-up by number must find what a scan finds."""
        self.ask("POST", "/_reset", {"contacts": 2500})
        full = self.full()
        for account in full:
            self.assertEqual(self.account(account["id"])["id"], account["id"])
            self.assertEqual(self.leaf("name", "equals", account["name"]).ids,
                             [other["id"] for other in full if other["name"] == account["name"]])
            for domain in account["domains"]:
                self.assertEqual(self.leaf("domains", "contains", domain).ids, [account["id"]])
            for item in account["external_ids"] or []:
                self.assertEqual(self.leaf("external_ids", "equals", item["external_id"]).ids, [account["id"]])

    def test_custom(self) -> None:
        self.assertEqual(self.leaf("account.hubspot.annualrevenue", "equals", "12500000").ids, [ACME])
        self.assertIn(ACME, self.leaf("products", "contains", "chat").ids)
        self.assertEqual(self.leaf("seats", "equals", "250").ids, [ACME])
        self.assertEqual(self.leaf("tags", "contains", "not the tags").ids, [])
        self.assertEqual(self.leaf("mrr", "is_set").status, 400)

    def test_switches(self) -> None:
        self.assertEqual(self.leaf("domains", "contains", "acme.test").ids, [])
        with_null = len(self.leaf("tags", "does_not_contain", "eu").ids)
        self.switch(case_sensitive="off")
        self.assertEqual(len(self.leaf("domains", "contains", "acme.test").ids), 1)
        self.assertEqual(len(self.leaf("name", "equals", "ACME").ids), 2)
        self.assertEqual(len(self.leaf("external_ids", "in", values=["Acme"]).ids), 2)
        self.switch(not_in_null="skip", max_in=2)
        self.assertLess(len(self.leaf("tags", "does_not_contain", "eu").ids), with_null)
        self.assertEqual(self.leaf("domains", "in", values=["1", "2", "3"]).status, 400)
        self.assertEqual(self.leaf("domains", "in", values=[]).status, 400)
        self.switch(empty_in="all")
        self.assertEqual(len(self.leaf("domains", "in", values=[]).ids), 11)
        self.switch(refuse_name_filter="on")
        self.assertEqual(self.leaf("name", "equals", "x").status, 400)
        self.switch(era="A", refuse_name_filter="off")
        self.assertEqual(self.leaf("name", "equals", "x").status, 200)

    def test_trees_and_text(self) -> None:
        eu, acme = ({"field": field, "operator": "contains", "value": value}
                    for field, value in (("tags", "eu"), ("domains", "acme.com")))
        self.assertEqual(self.search({"operator": "and", "subfilters": [eu, acme]}).ids, [ACME])
        nested = {"operator": "or", "subfilters": [{"operator": "and", "subfilters": [
            {"operator": "or", "subfilters": [eu]}]}]}
        self.assertEqual(self.search(nested).status, 400)
        self.assertEqual(self.search(search_text="TABLES.EX").ids, [TABLES])


class AccountWrites(AccountCase):
    def test_create(self) -> None:
        made = self.create(name="N", account_type="partner", domains=["n.example", "m.example"], tags=["a"],
                           primary_domain="m.example", owner_id=user_id(2), junk=1, is_disabled=True,
                           external_ids=[{"external_id": "e/1", "label": "l"}], logo_url="https://x/a.PNG?b",
                           type="ignored", subaccount_ids=[TABLES],
                           channels=[{"channel_id": "T|C", "source": "microsoft_teams", "is_primary": True}],
                           custom_fields=[{"slug": "plan", "value": "team"}, {"slug": "nope", "value": "x"}])
        got = made.data
        self.assertEqual((made.status, got["type"], got["primary_domain"], got["domain"]),
                         (200, "partner", "m.example", "m.example"))
        self.assertEqual(got["owner"], {"id": user_id(2), "email": "owner2@sample.example"})
        self.assertEqual((got["is_disabled"], got["created_at"], got["updated_at"]),
                         (False, "2026-11-25T12:00:01Z", "2026-11-25T12:00:01Z"))
        self.assertEqual(got["custom_fields"], {"plan": {"value": "team"}})
        self.assertEqual(got["channels"][0]["is_primary"], True)
        self.assertEqual(self.account(TABLES)["parent_account_id"], got["id"])
        self.assertEqual(self.account("e%2F1")["id"], got["id"])
        self.assertEqual(self.leaf("domains", "contains", "n.example").ids, [got["id"]])
        plain = self.create(name="Plain", domain="plain.example").data
        self.assertEqual((plain["type"], plain["domains"], plain["primary_domain"], plain["owner"], plain["tags"]),
                         ("customer", ["plain.example"], "plain.example", None, None))

    def test_create_refused(self) -> None:
        for body in ({}, {"name": ""}, {"name": None}, {"name": 1}, {"name": "x", "account_type": "prospect"},
                     {"name": "x", "domains": ["a.example"]}, {"name": "x", "primary_domain": "a.example"},
                     {"name": "x", "domains": ["a.example"], "primary_domain": "b.example"},
                     {"name": "x", "domains": ["https://a.example"], "primary_domain": "https://a.example"},
                     {"name": "x", "domains": "a.example"}, {"name": "x", "owner_id": 1}, {"name": "x", "tags": "a"},
                     {"name": "x", "tags": [1]}, {"name": "x", "logo_url": "https://x/a.gif"},
                     {"name": "x", "external_ids": ["e"]}, {"name": "x", "channels": ["c"]},
                     {"name": "x", "channels": [{"channel_id": "C", "source": "fax"}]},
                     {"name": "x", "channels": [{"channel_id": "C", "source": "microsoft_teams"}]},
                     {"name": "x", "subaccount_ids": ["nobody"]},
                     {"name": "x", "custom_fields": [{"slug": "plan", "value": "gold"}]},
                     {"name": "x", "custom_fields": [{"slug": "account.hubspot.annualrevenue", "value": "1"}]}):
            self.assertEqual(self.create(**body).status, 400, body)
        self.assertEqual(len(self.get("/accounts").data), 11)

    def test_update(self) -> None:
        before = self.account(GLOBEX)
        got = self.patch(name="G", account_type="partner", is_disabled=True, tags=["x", "y"], owner_id="someone").data
        self.assertEqual((got["name"], got["type"], got["is_disabled"], got["tags"], got["owner"]),
                         ("G", "partner", True, ["x", "y"], {"id": "someone"}))
        self.assertNotEqual(got["updated_at"], before["updated_at"])
        self.assertEqual(got["created_at"], before["created_at"])
        later = self.patch(owner_id="", tags=[], external_ids=[], is_disabled=False, name=None,
                           domain="ignored.example").data
        self.assertEqual((later["owner"], later["tags"], later["external_ids"], later["is_disabled"], later["name"]),
                         (None, None, None, False, "G"))
        self.assertEqual((later["domains"], later["updated_at"] > got["updated_at"]), (["globex.com"], True))
        self.assertEqual(self.leaf("owner_id", "is_unset").ids.count(GLOBEX), 1)
        got = self.patch(domains=["g.example", "globex.com"], primary_domain="g.example").data
        self.assertEqual((got["domains"], got["domain"]), (["g.example", "globex.com"], "g.example"))
        self.assertEqual(self.patch(primary_domain="globex.com").data["domain"], "globex.com")
        got = self.patch(domains=[]).data
        self.assertEqual((got["domains"], got.get("primary_domain") or None), ([], None))
        custom = [{"slug": "plan"}, {"slug": "products", "values": ["portal"]}]
        got = self.patch(custom_fields=custom).data["custom_fields"]
        self.assertEqual((got.get("plan"), got["products"]["values"], got["seats"]["value"]), (None, ["portal"], "12"))
        for body in ({"name": ""}, {"account_type": "internal"}, {"account_type": ""}, {"is_disabled": "yes"},
                     {"is_disabled": ""}, {"domains": ["x.example"]}, {"primary_domain": "x.example"},
                     {"subaccount_ids": [GLOBEX]}):
            self.assertEqual(self.patch(**body).status, 400, body)
        for body in ({"primary_domain": ""}, {"domains": ["acme.com"]},
                     {"domains": ["acme.com"], "primary_domain": ""}):
            self.assertEqual(self.patch(ACME, **body).status, 400, body)
        self.assertEqual(self.ask("PATCH", "/accounts/none", {}).status, 404)

    def test_ignored_and_not_cleared(self) -> None:
        self.switch(ignore_fields="owner_id,domains,plan")
        got = self.patch(ACME, owner_id=user_id(3), domains=["n.example"], primary_domain="n.example",
                         custom_fields=[{"slug": "plan", "value": "free"}]).data
        self.assertEqual((got["owner"]["id"], got["domain"], got["custom_fields"]["plan"]["value"]),
                         (OWNER, "acme.com", "enterprise"))
        self.switch(ignore_fields="", clear_works="none")
        got = self.patch(ACME, owner_id="", tags=[], logo_url="", domains=[], primary_domain="").data
        self.assertEqual((got["owner"]["id"], got["tags"], got["logo_url"], got["domain"]),
                         (OWNER, ["enterprise", "eu"], "https://acme.com/logo.png", "acme.com"))
        self.switch(patch_answer="no_data", create_status="201", normalise="case,order")
        self.assertEqual(self.patch(tags=["B", "a"]).data, None)
        self.assertEqual(self.account(GLOBEX)["tags"], ["a", "b"])
        self.assertEqual(self.create(name="x").status, 201)

    def test_duplicates(self) -> None:
        new = {"name": "Globex", "domains": ["new.example", "ACME.com"], "primary_domain": "new.example"}
        got = self.create(**new)
        self.assertEqual((got.status, got.json["exists_id"]), (400, ACME))
        self.switch(duplicate_status="409", duplicate_ignores_case="off")
        self.assertEqual(self.create(**new).status, 200)
        self.assertEqual(self.create(name="y", domain="acme.com").status, 409)
        self.switch(account_duplicate="name")
        self.assertEqual(self.create(name="Globex").json["exists_id"], GLOBEX)
        self.assertEqual(self.create(name="y", domain="acme.com").status, 200)
        self.switch(account_duplicate="none")
        self.assertEqual(self.create(name="Globex", domain="acme.com").status, 200)
        taken = [{"external_id": "acme", "label": "x"}]
        self.assertEqual(self.create(name="z", external_ids=taken).json["exists_id"], ACME)
        self.assertEqual(self.patch(external_ids=taken).status, 409)
        self.assertEqual(self.patch(ACME, external_ids=taken).status, 200)
        self.switch(duplicate_check="off")
        self.assertEqual(self.patch(external_ids=taken).status, 200)

    def test_contacts_follow(self) -> None:
        """A contact shows the external ids that its account has now."""
        self.patch(ACME, external_ids=[{"external_id": "new-acme", "label": "crm"}])
        shown = {"id": ACME, "external_ids": [{"external_id": "new-acme", "label": "crm"}]}
        self.assertEqual(self.get(f"/contacts/{ADA}").data["account"], shown)
        self.assertEqual([c["account"] for c in self.contacts() if (c["account"] or {}).get("id") == ACME], [shown] * 5)
        generated = next(account for account in self.full()[8:] if account["external_ids"])
        self.patch(generated["id"], external_ids=[])
        members = [c["account"] for c in self.contacts() if (c["account"] or {}).get("id") == generated["id"]]
        self.assertEqual((len(members) > 5, [m for m in members if m["external_ids"]]), (True, []))
        made = self.create(name="N", external_ids=[{"external_id": "n-1", "label": "crm"}]).data
        for body in ({"account_external_id": "n-1"}, {"account_id": made["id"]}):
            got = self.ask("PATCH", f"/contacts/{GRACE}", body).data
            self.assertEqual(got["account"], {"id": made["id"], "external_ids": made["external_ids"]})
        self.assertEqual(self.ask("PATCH", f"/contacts/{GRACE}", {"account_external_id": "acme"}).status, 400)
        self.ask("POST", "/_contacts", {"id": "raw", "account": {"id": ACME}})
        self.patch(ACME, external_ids=[])
        self.assertEqual(self.get("/contacts/raw").data["account"], {"id": ACME})

    def test_unknown_account(self) -> None:
        self.assertEqual(self.ask("PATCH", f"/contacts/{GRACE}", {"account_id": "none"}).status, 200)
        self.switch(unknown_account="error")
        self.assertEqual(self.ask("PATCH", f"/contacts/{ADA}", {"account_id": "none"}).status, 400)
        self.assertEqual(self.ask("PATCH", f"/contacts/{ADA}", {"account_id": TABLES}).status, 200)

    def test_delete(self) -> None:
        self.assertEqual(self.ask("DELETE", f"/accounts/{ACME}").json, {"request_id": "req-000001"})
        self.assertEqual(self.ask("DELETE", f"/accounts/{ACME}").status, 404)
        self.assertIsNone(self.get(f"/contacts/{ADA}").data.get("account"))
        self.plural = "contacts"
        self.assertEqual(self.leaf("account_id", "equals", ACME).ids, [])
        self.switch(deleted_account="keep")
        members = self.leaf("account_id", "equals", GLOBEX).ids
        self.ask("DELETE", f"/accounts/{GLOBEX}")
        self.assertEqual((len(members), self.leaf("account_id", "equals", GLOBEX).ids), (3, members))

    def test_lag(self) -> None:
        self.switch(search_lag=3600)
        made = self.create(name="Late").data["id"]
        self.patch(name="Changed")
        self.assertEqual(self.leaf("id", "in", values=[made, GLOBEX]).data[0]["name"], "Globex")
        self.assertEqual(self.account(made)["name"], "Late")
        self.switch(search_lag=0.01)
        self.until(lambda: self.leaf("id", "in", values=[made, GLOBEX]).ids == [GLOBEX, made])
        self.until(lambda: self.leaf("name", "equals", "Changed").ids == [GLOBEX])
