"""Endpoints, filters and writes, with the switches as they are by default; a part of selftest.py."""

import json
import socket

from selftest_case import ADA, AUTH, GRACE, Case, Got


class Endpoints(Case):
    def test_list_get_me(self) -> None:
        self.assertEqual(len(self.get("/contacts").data), 60)
        self.assertEqual(len(set(self.all_ids(7))), 60)
        self.assertEqual(self.get(f"/contacts/{ADA}").data["name"], "Ada Lovelace")
        self.assertEqual(self.get("/me").data["name"], "Sample Organization")
        self.assertEqual(self.get("/contacts/x").json["errors"], ["Contact not found!"])
        self.assertEqual(self.get("/contacts/").status, 404)
        self.assertEqual(self.ask("PUT", f"/contacts/{ADA}").status, 404)
        self.assertEqual(self.ask("HEAD", "/contacts").body, b"")

    def test_limits_and_cursors(self) -> None:
        self.assertEqual(self.get("/contacts?limit=999").status, 200)
        for query in ("limit=0", "limit=1000", "limit=x", "limit=-1", "limit=", "cursor=x", "cursor=after=1/+"):
            self.assertEqual(self.get("/contacts?" + query).status, 400, query)
        for limit in (0, 1000, "10", True, 1.5):
            self.assertEqual(self.search(limit=limit).status, 400, limit)
        self.assertEqual(self.search(limit=None, cursor=None).status, 200)

    def test_authorization(self) -> None:
        for headers, status, code in (({}, 401, "invalid_authorization_header"),
                                      ({"Authorization": "Basic x"}, 401, "invalid_authorization_header"),
                                      ({"Authorization": "Bearer bad"}, 401, "invalid_api_token"),
                                      ({"Authorization": "Bearer eu-token"}, 401, "wrong_region_token"),
                                      ({"Authorization": "Bearer no-permission"}, 403, "permission_denied")):
            got = self.ask("GET", "/me", headers=headers)
            self.assertEqual((got.status, got.json["code"]), (status, code))
        self.assertEqual(self.log()[2]["headers"]["Authorization"], "Bearer <unknown>")

    def test_custom_fields(self) -> None:
        fields = self.get("/custom-fields?object_type=contact").data
        self.assertEqual({field["type"] for field in fields}, {"select", "number", "decimal", "boolean", "date",
                         "datetime", "multiselect", "text", "url", "user"})
        self.assertTrue(any(len(field["slug"]) > 63 for field in fields))
        self.assertEqual(self.get("/custom-fields?object_type=issue").data, [])
        self.assertEqual(self.get("/custom-fields").status, 400)
        self.ask("POST", "/_custom_fields", [{"slug": "only", "type": "text"}])
        self.assertEqual(self.get("/custom-fields?object_type=contact").data, [{"slug": "only", "type": "text"}])
        self.assertEqual(self.leaf("only", "is_unset").status, 200)

    def test_bodies(self) -> None:
        for body in ("", "{", "[]", '{"limit": NaN}', '{"cursor": "\\ud800"}', '{"limit": 1} x'):
            self.assertEqual(self.ask("POST", "/contacts/search", body).status, 400, body)
        self.assertEqual(self.ask("POST", "/contacts/search", "{}", {**AUTH, "Content-Type": "text/plain"}).status, 400)
        self.assertEqual(len(self.ask("POST", "/contacts/search", {"filters": {"x": 1}}).data), 60)
        self.connection.request("POST", "/contacts/search", iter([b'{"li', b'mit":2}']), encode_chunked=True, headers={
            **AUTH, "Content-Type": "application/json", "Transfer-Encoding": "chunked"})
        self.assertEqual(len(Got(self.connection.getresponse()).data), 2)

    def test_log(self) -> None:
        self.search({"operator": "equals", "field": "name", "value": "Zoë"}, limit=1)
        text = ('POST /contacts/search {"filter":{"operator":"equals","field":"name","value":"Zoë"},"limit":1}\n')
        self.assertEqual(self.get("/_log").body.decode(), text)
        entry = self.log()[0]
        self.assertEqual((entry["n"], entry["status"], entry["request_id"]), (1, 200, "req-000001"))
        self.assertEqual(entry["headers"]["Authorization"], "Bearer <token>")
        self.assertEqual(self.get("/_count").body, b"1\n")
        self.assertEqual(self.ask("DELETE", "/_log").body.decode(), text)
        self.assertEqual(self.get("/me").json["request_id"], "req-000001")

    def test_connections(self) -> None:
        client = self.connect()
        before = self.get("/_connections").json
        for _ in range(3):
            client.request("GET", "/me", headers=AUTH)
            client.getresponse().read()
        self.assertEqual(len({entry["connection"] for entry in self.log()}), 1)
        after = self.get("/_connections").json
        self.assertEqual(after["accepted"] - before["accepted"], 1)
        client.close()
        self.until(lambda: self.get("/_connections").json["open"] == before["open"])

    def test_order_of_the_log(self) -> None:
        """What clients sent before they hung up stands before what is sent later; a log that is taken lacks nothing."""
        for number in range(40):
            self.send_and_hang_up(f"/contacts/gone-{number}")
            self.get(f"/contacts/there-{number}")
        self.send_and_hang_up("/contacts/last")
        expected = [f"/contacts/{who}-{number}" for number in range(40) for who in ("gone", "there")]
        self.assertEqual([entry["path"] for entry in self.log()], expected + ["/contacts/last"])

    def test_faults_are_for_what_comes_later(self) -> None:
        """What was sent before a fault is queued does not take it, however late it is read."""
        for _ in range(40):
            self.send_and_hang_up("/contacts/gone")
            self.ask("POST", "/_fault", {"kind": "status", "status": 500})
            self.assertEqual(len(self.get("/_fault").json), 1)
            self.ask("DELETE", "/_fault")

    def test_in_flight(self) -> None:
        """How many requests had no answer yet when one came, itself among them."""
        self.ask("POST", "/_set", {"latency": 600000})
        with socket.create_connection(self.server.server_address) as first, \
                socket.create_connection(self.server.server_address) as second:
            for client in (first, second):
                client.sendall(b"GET /me HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual([entry["in_flight"] for entry in self.log()], [1, 2])
        self.ask("POST", "/_set", {"latency": 0})
        self.until(lambda: self.get("/_connections").json["open"] == 0)
        self.get("/me")
        self.assertEqual(self.log()[-1]["in_flight"], 1)

    def send_and_hang_up(self, path: str) -> None:
        with socket.create_connection(self.server.server_address) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def test_contacts_control(self) -> None:
        raw = {"id": "raw", "email": "", "strange": [1]}
        self.ask("POST", "/_contacts", raw)
        self.assertEqual(self.get("/contacts/raw").data, raw)
        full = [json.loads(line) for line in self.get("/_contacts").body.splitlines()]
        self.assertEqual((len(full), len(full[60]), full[60]["email"]), (61, 13, None))
        self.assertEqual(full[0]["custom_fields"]["tier"], {"slug": "tier", "value": "gold"})
        self.ask("PUT", "/_contacts", [{"id": "a", "account": "odd", "custom_fields": []}, {"id": "b"}])
        self.assertEqual(self.leaf("id", "not_in", values=["b"]).ids, ["a"])
        self.assertEqual(self.leaf("tier", "is_unset").ids, ["a", "b"])
        self.assertEqual(self.get("/contacts").ids, ["a", "b"])
        self.assertEqual(len(self.get("/_contacts").body.splitlines()), 2)
        self.ask("POST", "/_reset", {"contacts": 3, "seed": "other"})
        self.assertEqual(len(self.get("/contacts").data), 3)

    def test_control_refuses(self) -> None:
        for method, path, body in (("POST", "/_set", {"era": "Q"}), ("POST", "/_set", {"no": "x"}),
                                   ("GET", "/_x", None),
                                   ("POST", "/_fault", {"kind": "no"}), ("POST", "/_fault", {"kind": "cut", "x": 1}),
                                   ("POST", "/_fault", {"kind": "huge"}), ("POST", "/_contacts", "[1]"),
                                   ("POST", "/_fault", {"kind": "cut", "times": "1"}), ("POST", "/_set", "[]")):
            self.assertEqual(self.ask(method, path, body).status, 400, (path, body))


class Filters(Case):
    def test_fields(self) -> None:
        self.assertEqual(self.leaf("id", "equals", ADA).ids, [ADA])
        self.assertEqual(len(self.leaf("id", "in", values=[ADA, GRACE, ADA]).data), 2)
        self.assertEqual(len(self.leaf("id", "not_in", values=[ADA, GRACE]).data), 58)
        self.assertEqual(len(self.leaf("email", "string_contains", "@acme.com").data), 4)
        self.assertEqual(self.leaf("email", "equals", "hopper@navy.example").ids, [])
        self.assertEqual(self.leaf("name", "equals", "Ada Lovelace").ids[0], ADA)
        account = self.get("/contacts?limit=60").data[30]["account"]["id"]
        shared = [c for c in self.get("/contacts").data if (c.get("account") or {}).get("id") == account]
        self.assertEqual(len(self.leaf("account_id", "equals", account).data), len(shared))
        for field, operator in (("id", "string_contains"), ("email", "is_set"), ("name", "not_equals"),
                                ("emails", "equals"), ("portal_role", "in"), ("email", "like"), ("", "equals")):
            self.assertEqual(self.leaf(field, operator, "x", ["x"]).status, 400, (field, operator))

    def test_generated_lookups(self) -> None:
        """A look-up by number must find what a scan finds."""
        full = [json.loads(line) for line in self.get("/_contacts").body.splitlines()]
        for contact in full:
            same = [other["id"] for other in full if contact["email"] and other["email"] == contact["email"]]
            self.assertEqual(self.leaf("email", "in", values=[contact["email"] or "none"]).ids, same)
            self.assertEqual(self.get("/contacts/" + contact["id"]).data["id"], contact["id"])
            for item in contact["external_ids"] or []:
                self.assertEqual(self.get("/contacts/" + item["external_id"]).data["id"], contact["id"])

    def test_custom(self) -> None:
        full = {c["id"]: c["custom_fields"] for c in map(json.loads, self.get("/_contacts").body.splitlines())}
        for slug, operator, value, test in (
                ("tier", "equals", "gold", lambda v: v == "gold"), ("tier", "is_set", None, lambda v: v is not None),
                ("tier", "not_equals", "gold", lambda v: v != "gold"), ("tier", "is_unset", None, lambda v: v is None),
                ("tier", "string_contains", "ol", lambda v: v and "ol" in v),
                ("tier", "string_does_not_contain", "ol", lambda v: v is None or "ol" not in v),
                ("seats", "greater_than", "100", lambda v: v and int(v) > 100),
                ("seats", "less_than_or_equals", "25", lambda v: v and int(v) <= 25),
                ("mrr", "less_than", "1000", lambda v: v and float(v) < 1000),
                ("mrr", "greater_than_or_equals", "99", lambda v: v and float(v) >= 99),
                ("renewal", "time_is_after", "2026-12-31", lambda v: v and v > "2026-12-31"),
                ("last_seen", "time_is_before", "2026-06-01T00:00:00Z", lambda v: v and v < "2026-06-01"),
                ("regions", "contains", "eu", lambda v: v and "eu" in v),
                ("regions", "does_not_contain", "eu", lambda v: v is None or "eu" not in v)):
            expected = [i for i, fields in full.items()
                        if test((fields.get(slug) or {}).get("value", (fields.get(slug) or {}).get("values")))]
            self.assertEqual(self.leaf(slug, operator, value).ids, expected, (slug, operator))
        self.assertIn(ADA, self.leaf("regions", "contains", values=["apac", "eu"]).ids)
        self.assertIn(ADA, self.leaf("renewal", "time_range", values=["2027-01-31", "2027-01-31"]).ids)
        self.assertEqual(self.leaf("email", "equals", "ada@home.example").ids, [])

    def test_trees(self) -> None:
        acme = {"field": "email", "operator": "string_contains", "value": "@acme.com"}
        ada, grace = ({"field": "id", "operator": "equals", "value": value} for value in (ADA, GRACE))
        self.assertEqual(self.search({"operator": "and", "subfilters": [acme, grace]}).ids, [GRACE])
        self.assertEqual(self.search({"operator": "or", "subfilters": [grace, ada]}).ids, [ADA, GRACE])
        self.assertEqual(len(self.search({"operator": "or", "subfilters": [acme, grace]}).data), 4)
        for tree in ([], "x", {}, {"operator": "and"}, {"operator": "and", "subfilters": []}, {"operator": []},
                     {**ada, "value": 1}, {**ada, "value": None}, {**ada, "subfilters": [ada]},
                     {"field": "id", "operator": "in", "value": ADA}, {"email": {"eq": "x"}},
                     {"field": "seats", "operator": "less_than", "value": "x"},
                     {"field": "renewal", "operator": "time_is_after", "value": "x"},
                     {"field": "renewal", "operator": "time_range", "values": ["2026-01-01"]}):
            self.assertEqual(self.search(tree).status, 400, tree)
        self.assertIn(ADA, self.search(None, search_text="LOVELACE").ids)
        self.assertEqual(self.search(grace, search_text="ada").ids, [])

    def test_paging(self) -> None:
        everyone, cursor, found = {"field": "id", "operator": "not_in", "values": ["x"]}, None, []
        for _ in range(6):
            page = self.search(everyone, limit=11, cursor=cursor)
            found += page.ids
            cursor = page.json.get("pagination", {}).get("cursor")
        self.assertEqual((len(set(found)), cursor), (60, None))


class Writes(Case):
    def create(self, **body) -> Got:
        return self.ask("POST", "/contacts", body)

    def patch(self, **body) -> Got:
        return self.ask("PATCH", f"/contacts/{GRACE}", body)

    def test_create(self) -> None:
        self.switch(absent="absent")
        made = self.create(name="N", email="n@x.example", account_external_id="acme", phone_numbers=["1", "2"], junk=1,
                           external_ids=[{"external_id": "e/1", "label": "l"}], avatar_url="http://x/a.PNG?b",
                           custom_fields=[{"slug": "regions", "values": ["eu"]}, {"slug": "nope", "value": "x"}])
        self.assertEqual((made.status, made.data["emails"]), (200, ["n@x.example"]))
        self.assertEqual(made.data["primary_phone_number"], "1")
        self.assertEqual(made.data["custom_fields"], {"regions": {"value": "", "values": ["eu"]}})
        self.assertEqual(self.get("/contacts/e%2F1").data["id"], made.data["id"])
        self.assertEqual(self.leaf("email", "equals", "n@x.example").ids, [made.data["id"]])
        for body in ({}, {"name": ""}, {"name": None}, {"name": 1}, {"name": "x", "email": "no"},
                     {"name": "x", "phone_numbers": ["+33"]}, {"name": "x", "phone_numbers": ["1" * 16]},
                     {"name": "x", "primary_phone_number": "1"}, {"name": "x", "avatar_url": "http://x/a.gif"},
                     {"name": "x", "account_id": "a", "account_external_id": "acme"},
                     {"name": "x", "account_external_id": "nobody"}, {"name": "x", "external_ids": ["e"]},
                     {"name": "x", "external_ids": [{"external_id": "e", "label": 1}]},
                     {"name": "x", "custom_fields": {"tier": "gold"}},
                     {"name": "x", "custom_fields": [{"slug": "regions", "values": "eu"}]},
                     {"name": "x", "custom_fields": [{"slug": "seats", "value": 5}]}):
            self.assertEqual(self.create(**body).status, 400, body)
        for slug, value in (("tier", "iron"), ("seats", "x"), ("mrr", "NaN"), ("vip", "yes"), ("renewal", "soon"),
                            ("last_seen", "2026-01-01"), ("regions", "eu"),
                            ("contact.salesforce.Contact_ID_for_Pylon__c", "1")):
            body = {"name": "x", "custom_fields": [{"slug": slug, "value": value}]}
            self.assertEqual(self.create(**body).status, 400, body)

    def test_update(self) -> None:
        self.assertEqual(self.patch(email="g@x.example").data["emails"], ["g@x.example", "hopper@navy.example"])
        got = self.patch(emails=[{"email": "a@x.example"}, {"email": "b@x.example", "is_primary": True}]).data
        self.assertEqual((got["email"], got["emails"]), ("b@x.example", ["a@x.example", "b@x.example"]))
        self.assertEqual(self.patch(email=None, name="G").data["email"], "b@x.example")
        self.assertIsNone(self.patch(account_id="").data.get("account"))
        self.assertEqual(self.patch(account_id="new").data["account"], {"id": "new", "external_ids": None})
        self.assertEqual(self.patch(external_ids=[]).data["external_ids"], [])
        got = self.patch(custom_fields=[{"slug": "tier"}, {"slug": "notes", "value": "x"}]).data["custom_fields"]
        self.assertEqual((got.get("tier"), got["notes"]["value"], got["seats"]["value"]), (None, "x", "5"))
        for body in ({"email": "a@b", "emails": [{"email": "a@b"}]}, {"emails": ["a@b"]}, {"name": ""},
                     {"primary_phone_number": "9"}):
            self.assertEqual(self.patch(**body).status, 400, body)
        self.assertEqual(self.ask("PATCH", "/contacts/none", {}).status, 404)

    def test_delete(self) -> None:
        self.assertEqual(self.ask("DELETE", f"/contacts/{GRACE}").json, {"request_id": "req-000001"})
        self.assertEqual(self.ask("DELETE", f"/contacts/{GRACE}").status, 404)
        self.assertEqual(self.leaf("id", "equals", GRACE).ids, [])
        self.assertEqual(len(self.all_ids(7)), 59)

    def test_duplicates(self) -> None:
        got = self.create(name="x", email="GRACE@acme.com")
        self.assertEqual((got.status, got.json["exists_id"]), (400, GRACE))
        self.switch(duplicate_status="409", duplicate_ignores_case="off")
        self.assertEqual(self.create(name="x", email="grace@acme.com").status, 409)
        self.assertEqual(self.create(name="x", email="GRACE@acme.com").status, 200)
        self.switch(duplicate_check="off", create_status="201")
        self.assertEqual(self.create(name="x", email="grace@acme.com").status, 201)

    def test_write_switches(self) -> None:
        self.switch(normalise_email="on", ignore_fields="avatar_url,tier")
        got = self.patch(email="G@X.example", avatar_url="http://x/a.png",
                         custom_fields=[{"slug": "tier", "value": "gold"}]).data
        self.assertEqual((got["email"], got.get("avatar_url") or None), ("g@x.example", None))
        self.assertEqual(got["custom_fields"]["tier"]["value"], "silver")
        self.switch(clear_works="portal_role", absent="null")
        got = self.patch(email="", portal_role="", phone_numbers=[]).data
        self.assertEqual((got["email"], got["portal_role"]), ("g@x.example", None))
        self.assertEqual(len(got["phone_numbers"]), 2)
        self.switch(unknown_slug_write="error")
        self.assertEqual(self.patch(custom_fields=[{"slug": "nope", "value": "x"}]).status, 400)
        for kind, status, body in (("empty", 200, b""), ("204", 204, b""), ("no_data", 200, b'{"request_id"')):
            self.switch(patch_answer=kind)
            got = self.patch(name=kind)
            self.assertEqual((got.status, got.body[:13]), (status, body))
            self.assertEqual(self.get(f"/contacts/{GRACE}").data["name"], kind)
