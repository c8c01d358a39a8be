"""Switches and faults; a part of selftest.py."""

import gzip
import http.client
import json
import zlib
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from selftest_case import ADA, GRACE, LONGEST, Case


class Switches(Case):
    def test_era(self) -> None:
        self.switch(era="A")
        self.assertEqual(len(self.get(f"/contacts/{ADA}").data), 8)
        self.assertEqual(self.leaf("name", "equals", "x").status, 400)
        self.assertEqual(self.ask("POST", "/contacts", {"name": "x"}).status, 400)
        self.assertNotIn("code", self.get("/contacts/x").json)
        self.switch(era="B")
        self.assertEqual(self.leaf("name", "equals", "x").status, 200)
        self.assertEqual(self.get("/contacts/crm-ada").status, 404)
        self.switch(era="C")
        self.assertEqual(self.get("/contacts/crm-ada").data["id"], ADA)
        self.assertEqual(self.get("/contacts/x").json["code"], "not_found")
        self.switch(external_id_in_path="off")
        self.assertEqual(self.get("/contacts/crm-ada").status, 404)

    def test_filters(self) -> None:
        self.assertEqual(self.leaf("email", "equals", "ADA@acme.com").ids, [])
        self.switch(case_sensitive="off")
        self.assertEqual(len(self.leaf("email", "equals", "ADA@acme.com").ids), 2)
        self.switch(refuse_name_filter="on")
        self.assertEqual(self.leaf("name", "equals", "x").status, 400)
        self.switch(custom_operators="equals")
        self.assertEqual(self.leaf("tier", "is_set").status, 400)
        self.assertEqual(self.leaf("tier", "equals", "gold").status, 200)
        self.switch(custom_operators="none")
        self.assertEqual(self.leaf("tier", "equals", "gold").status, 400)
        self.switch(custom_operators="all")
        self.assertEqual(self.leaf("seats", "string_contains", "2").status, 400)
        self.switch(typed_operators="off")
        self.assertEqual(self.leaf("seats", "string_contains", "2").status, 200)
        self.assertEqual(self.leaf("nope", "is_unset").status, 400)
        self.switch(unknown_slug="empty")
        self.assertEqual(self.leaf("nope", "equals", "x").ids, [])

    def test_lists(self) -> None:
        with_null = len(self.leaf("email", "not_in", values=["ada@acme.com"]).ids)
        self.switch(not_in_null="skip")
        self.assertLess(len(self.leaf("email", "not_in", values=["ada@acme.com"]).ids), with_null)
        self.assertEqual(self.leaf("id", "in", values=[]).status, 400)
        self.switch(empty_in="all")
        self.assertEqual(len(self.leaf("id", "in", values=[]).ids), 60)
        self.switch(empty_in="none")
        self.assertEqual(self.leaf("id", "in", values=[]).ids, [])
        self.switch(max_in=2)
        self.assertEqual(self.leaf("id", "in", values=["1", "2"]).status, 200)
        self.assertEqual(self.leaf("id", "in", values=["1", "2", "3"]).status, 400)

    def test_texts_in_lists(self) -> None:
        self.assertEqual(self.leaf("regions", "string_contains", "e").status, 400)
        self.switch(lists_hold_text="into")
        self.assertEqual(self.leaf("regions", "string_contains", "e").ids, self.leaf("regions", "contains", "eu").ids)
        self.switch(lists_hold_text="none")
        self.assertEqual(self.leaf("regions", "string_contains", "e").ids, [])

    def test_patterns(self) -> None:
        self.ask("POST", "/_contacts", [{"id": "p1", "name": "50%"}, {"id": "p2", "name": "q\\z"},
                                        {"id": "p3", "name": "qz"}])
        self.assertEqual(self.leaf("name", "string_contains", "q\\z").ids, ["p2"])
        self.assertEqual(self.leaf("name", "string_contains", "5_%").ids, [])
        self.switch(text_pattern="on")
        self.assertEqual(self.leaf("name", "string_contains", "q\\z").ids, ["p3"])
        self.assertEqual(self.leaf("name", "string_contains", "5_%").ids, ["p1"])
        self.assertEqual(self.leaf("name", "string_contains", "50\\%").ids, ["p1"])

    def test_empty_values(self) -> None:
        self.ask("POST", "/_contacts", [{"id": "e1", "name": "E", "custom_fields": {
            "notes": {"value": ""}, "regions": {"values": []}}}])
        for slug in ("notes", "regions"):
            self.switch(empty_is_set="on")
            self.assertIn("e1", self.leaf(slug, "is_set").ids)
            self.assertNotIn("e1", self.leaf(slug, "is_unset").ids)
            self.switch(empty_is_set="off")
            self.assertNotIn("e1", self.leaf(slug, "is_set").ids)
            self.assertIn("e1", self.leaf(slug, "is_unset").ids)

    def test_largest_page(self) -> None:
        self.switch(max_limit=50)
        self.assertEqual(self.get("/contacts?limit=51").status, 400)
        self.assertEqual(len(self.get("/contacts").data), 50)
        self.assertEqual(self.search({"field": "email", "operator": "equals", "value": "x"}, limit=51).status, 200)
        self.switch(max_search_limit=50)
        self.assertEqual(self.search({"field": "email", "operator": "equals", "value": "x"}, limit=51).status, 400)

    def test_depth(self) -> None:
        tree = {"field": "id", "operator": "equals", "value": ADA}
        answers = {}
        for levels in (1, 2, 3, 4):
            tree = {"operator": "and" if levels % 2 else "or", "subfilters": [tree]}
            for counts in ("on", "off"):
                self.switch(depth_counts_leaves=counts)
                answers[levels, counts] = self.search(tree).status
        self.assertEqual(list(answers.values()), [200, 200, 200, 200, 400, 200, 400, 400])

    def test_lag(self) -> None:
        self.switch(search_lag=3600)
        made = self.ask("POST", "/contacts", {"name": "Late", "email": "late@x.example"}).data["id"]
        self.ask("DELETE", f"/contacts/{GRACE}")
        self.ask("PATCH", f"/contacts/{ADA}", {"name": "Changed"})
        self.ask("PATCH", f"/contacts/{ADA}", {"name": "Changed again"})
        self.assertEqual(self.leaf("id", "in", values=[made, GRACE]).ids, [GRACE])
        self.assertEqual(self.leaf("name", "equals", "Ada Lovelace").data[0]["name"], "Ada Lovelace")
        self.assertEqual(self.get(f"/contacts/{made}").status, 200)
        self.switch(search_lag=0.01)
        self.until(lambda: self.leaf("id", "in", values=[made, GRACE]).ids == [made])
        self.until(lambda: self.leaf("name", "equals", "Changed again").ids == [ADA])

    def test_pages(self) -> None:
        for shape, expected in (("empty_cursor", {"cursor": "", "has_next_page": False}), ("no_pagination", None),
                                ("null_cursor", {"cursor": None, "has_next_page": False})):
            self.switch(last_page=shape)
            self.assertEqual(self.get("/contacts").json.get("pagination"), expected)
        self.switch(last_page="no_has_next")
        self.assertEqual(list(self.get("/contacts").json["pagination"]), ["cursor"])
        nobody = {"field": "id", "operator": "equals", "value": "x"}
        for shape, expected in (("empty", {"data": []}), ("missing", {}), ("null", {"data": None})):
            self.switch(zero_matches=shape)
            got = self.search(nobody).json
            self.assertEqual({key: got[key] for key in got if key == "data"}, expected)
        self.assertEqual(list(self.get("/contacts?limit=9").json), ["data", "pagination", "request_id"])
        self.switch(page_order="pagination_first")
        self.assertEqual(list(self.get("/contacts?limit=9").json), ["request_id", "pagination", "data"])

    def test_ends_and_cursors(self) -> None:
        self.assertNotIn("pagination", self.get("/contacts?limit=60").json)
        self.switch(end_page="trailing", zero_matches="empty")
        page = self.get("/contacts?limit=60").json
        self.assertTrue(page["pagination"]["has_next_page"])
        self.assertEqual(len(self.all_ids(30)), 60)
        self.switch(short_pages=7)
        self.assertEqual(len(self.get("/contacts?limit=60").data), 7)
        self.assertEqual(len(self.get("/custom-fields?object_type=contact").data), 7)
        self.assertEqual(len(set(self.all_ids(30))), 60)
        for kind, following in (("opaque", 10), ("offset", 11)):
            self.ask("POST", "/_reset", {})
            self.switch(cursor=kind)
            ids, first = self.all_ids(60), self.get("/contacts?limit=10").json
            self.ask("DELETE", f"/contacts/{ADA}")
            cursor = quote(first["pagination"]["cursor"], safe="")
            self.assertEqual(self.get(f"/contacts?limit=10&cursor={cursor}").ids[0], ids[following])
            self.assertEqual(len(self.all_ids(7)), 59)

    def test_shapes(self) -> None:
        path = "/contacts/00000000-0000-4000-8000-000000000008"
        self.switch(absent="null")
        self.assertEqual(len(self.get(path).data), 13)
        self.switch(absent="absent")
        self.assertNotIn("email", self.get(path).data)
        self.switch(absent="empty")
        self.assertEqual((self.get(path).data["email"], self.get(path).data["account"]), ("", None))
        self.switch(absent="mixed")
        fields = self.get(f"/contacts/{ADA}").data["custom_fields"]
        self.assertEqual((fields["tier"], fields["regions"]),
                         ({"value": "gold"}, {"value": "", "values": ["eu", "us"]}))
        self.switch(custom_slug="on", multi_valued="values")
        fields = self.get(f"/contacts/{ADA}").data["custom_fields"]
        self.assertEqual(fields["tier"], {"slug": "tier", "value": "gold"})
        self.assertEqual(fields["regions"], {"slug": "regions", "values": ["eu", "us"]})
        self.assertEqual({str(contact.get("avatar_url", "absent"))[:6] for contact in self.get("/contacts").data},
                         {"", "None", "absent", "https:"})
        plain = self.get("/contacts?limit=60").data
        self.switch(unicode_escapes="on", pretty="on")
        body = self.get("/contacts?limit=60").body
        self.assertTrue(body.isascii() and b"\n" in body)
        self.assertEqual(json.loads(body)["data"], plain)
        self.switch(extra_keys="on")
        got = self.get(f"/contacts/{ADA}").json
        self.assertIn("meta", got)
        self.assertEqual(got["data"]["custom_fields"]["tier"]["interpreted_value"], "gold")

    def test_normal_forms(self) -> None:
        path = f"/contacts/{ADA}"

        def kept(**body) -> dict:
            return self.ask("PATCH", path, body).data

        def custom(slug: str, **value):
            got = kept(custom_fields=[{"slug": slug, **value}])["custom_fields"].get(slug)
            return got and got.get("values", got.get("value"))

        self.switch(normalise="blanks,case,unicode")
        self.assertEqual(kept(name="  Zoe\u0308  X ")["name"], "zo\u00eb x")
        self.switch(normalise="json,numbers,times")
        self.assertEqual(custom("notes", value='{ "b": [1, 2] }'), '{"b":[1,2]}')
        self.assertEqual((custom("mrr", value="12.50"), custom("mrr", value="100")), ("12.5", "100"))
        self.assertEqual(custom("last_seen", value="2026-11-01T09:30:00+01:00"), "2026-11-01T08:30:00Z")
        self.switch(normalise="order,phones")
        self.assertEqual(custom("regions", values=["us", "apac"]), ["apac", "us"])
        got = kept(phone_numbers=["2", "1"], primary_phone_number="2")
        self.assertEqual((got["phone_numbers"], got["primary_phone_number"]), (["+1", "+2"], "+2"))
        for shape, value in (("null", None), ("text", ""), ("list", []), ("absent", None)):
            self.switch(cleared_custom=shape)
            self.assertEqual(custom("tier"), value)

    def test_rate_limit(self) -> None:
        self.switch(rate_limit=2, rate_window=60)
        self.assertEqual(self.get("/me").headers["X-Rate-Limit-Remaining"], "1")
        self.get("/me")
        got = self.get("/me")
        self.assertEqual((got.status, got.headers["X-Retry-After"], got.json["code"]), (429, "60", "rate_limited"))
        self.assertEqual(self.get(f"/contacts/{ADA}").status, 200)
        self.switch(rate_limit=1, rate_window=0.1)
        self.until(lambda: self.get("/me").status == 429)
        self.until(lambda: self.get("/me").status == 200)
        self.switch(rate_limit=2)
        for form, header in (("seconds", "Retry-After"), ("date", "Retry-After"), ("none", None)):
            self.switch(retry_after=form, rate_window=30)
            answers = [self.get("/me") for _ in range(3)]
            names = {name for name in answers[2].headers if name.endswith("Retry-After")}
            self.assertEqual(names, {header} if header else set())
            if form == "date":
                when, now = (parsedate_to_datetime(answers[2].headers[name]) for name in (header, "Date"))
                self.assertTrue(0 < (when - now).total_seconds() < 32)

    def test_transport(self) -> None:
        plain = self.get("/contacts").data
        self.switch(compress="on")
        for accepted, unpack in (("gzip, deflate", gzip.decompress), ("deflate", zlib.decompress)):
            got = self.get("/contacts", **{"Accept-Encoding": accepted})
            self.assertEqual(json.loads(unpack(got.body))["data"], plain)
            self.assertEqual(self.log()[-1]["compressed"], got.headers["Content-Encoding"])
            self.assertEqual(self.log()[-1]["bytes"], len(got.body))
        self.assertEqual(self.get("/contacts", **{"Accept-Encoding": "gzip;q=0"}).data, plain)
        self.switch(chunked="on", compress="off")
        got = self.get("/contacts")
        self.assertEqual((got.headers["Transfer-Encoding"], got.data), ("chunked", plain))
        self.switch(latency=60)
        with self.takes(0.06):
            self.get("/me")
        self.switch(write_latency=200)
        with self.takes(0.26):
            self.ask("PATCH", f"/contacts/{ADA}", {"name": "x"})
        self.switch(write_latency=600000)
        self.search(limit=1)


class Faults(Case):
    def broken(self, *errors, path: str = "/contacts") -> None:
        """A request that must fail in the connection; the next one makes a new one."""
        with self.assertRaises(errors):
            self.get(path)
        self.connection.close()

    def test_answers(self) -> None:
        self.fault("status", status=503, body={"errors": ["busy"]}, headers={"Retry-After": "1"})
        got = self.get("/me")
        self.assertEqual((got.status, got.json, got.headers["Retry-After"]), (503, {"errors": ["busy"]}, "1"))
        self.fault("redirect", location="http://127.0.0.1:1/")
        self.assertEqual(self.get("/me").headers["Location"], "http://127.0.0.1:1/")
        self.fault("html")
        self.assertEqual(self.get("/me").headers["Content-Type"], "text/html")
        self.fault("garbage")
        self.assertRaises(ValueError, lambda: self.get("/me").json)
        self.fault("wrong_shape", body={"data": "text"})
        self.assertEqual(self.get("/contacts").data, "text")
        self.fault("huge", bytes=100000)
        self.assertEqual(len(self.get("/contacts").body), 100000)
        self.assertEqual(self.get("/me").status, 200)

    def test_alterations(self) -> None:
        self.fault("bad_utf8")
        self.assertRaises(UnicodeDecodeError, lambda: self.get("/contacts").body.decode())
        self.fault("nul_escape")
        self.assertIn("\0", self.get("/contacts").data[0]["name"])
        cursor = self.get("/contacts?limit=5").json["pagination"]["cursor"]
        self.fault("repeat_cursor", times=2)
        page = self.get("/contacts?limit=5&cursor=" + quote(cursor, safe="")).json
        self.assertEqual(page["pagination"], {"cursor": cursor, "has_next_page": True})
        self.assertEqual(self.search(cursor=cursor).json["pagination"]["cursor"], cursor)

    def test_hollow(self) -> None:
        self.fault("hollow", match="GET /contacts?", times=2)
        right = {"cursor": "after=19/+", "has_next_page": True}
        for page in (self.get("/contacts?limit=20").json, self.get("/contacts?limit=20").json):
            self.assertEqual((page["data"], page["pagination"]), ([], right))
        self.assertEqual(len(self.get("/contacts?limit=20").data), 20)
        self.fault("hollow", match="POST /contacts/search", data="absent", cursor="null")
        page = self.search(limit=60).json
        self.assertEqual((page.get("data"), page["pagination"]), (None, {"cursor": None, "has_next_page": True}))
        self.fault("hollow", match="GET /custom-fields", data="kept", cursor="absent")
        page = self.get("/custom-fields?object_type=contact").json
        self.assertEqual((len(page["data"]), page["pagination"]), (13, {"has_next_page": True}))
        self.fault("hollow", data="null", cursor="empty")
        page = self.get("/contacts").json
        self.assertEqual((page["data"], page["pagination"]), (None, {"cursor": "", "has_next_page": True}))
        self.assertEqual(self.ask("POST", "/_fault", {"kind": "hollow", "data": "some"}).status, 400)

    def test_transport(self) -> None:
        self.fault("cut")
        self.broken(http.client.IncompleteRead)
        self.fault("reset")
        self.broken(ConnectionResetError)
        self.fault("close")
        self.broken(http.client.RemoteDisconnected)
        self.fault("no_http")
        self.broken(http.client.BadStatusLine)
        self.fault("slow", rate=1000)
        with self.takes(0.15):
            self.get("/me")
        self.fault("slow", delay=0.15)
        with self.takes(0.15):
            self.get("/me")
        self.fault("slow", stall=0.15)
        with self.takes(0.15):
            self.assertEqual(self.get("/me").status, 200)
        self.fault("slow", delay=30)
        self.connection.close()
        self.connection.timeout = 0.1
        self.broken(TimeoutError)
        self.connection.timeout = LONGEST
        self.until(lambda: self.get("/_connections").json["open"] == 0)

    def test_queue(self) -> None:
        self.fault("status", match="GET /contacts", skip=1, times=2, status=500)
        paths = ("/me", "/contacts", "/contacts", "/me", "/contacts?limit=1", "/contacts")
        self.assertEqual([self.get(path).status for path in paths], [200, 200, 500, 200, 500, 200])
        self.fault("status", match="POST /contacts$", status=500)
        self.assertEqual(self.search().status, 200)
        self.assertEqual(self.ask("POST", "/contacts", {"name": "x"}).status, 500)
        self.fault("status", match="POST /contacts$", holds='"name":"y"', status=500)
        self.assertEqual([self.ask("POST", "/contacts", {"name": name}).status for name in "xyy"], [200, 500, 200])
        self.fault("status", times=0, status=500)
        self.assertEqual([self.get("/me").status for _ in range(3)], [500] * 3)
        self.assertEqual(self.get("/_fault").json[0]["kind"], "status")
        self.ask("DELETE", "/_fault")
        self.assertEqual(self.get("/me").status, 200)

    def test_before_and_after(self) -> None:
        for kind, when, names in (("status", "before", "0"), ("status", "after", "1"), ("reset", "before", "1"),
                                  ("reset", "after", "3"), ("close", "after", "4")):
            self.fault(kind, when=when, match="PATCH", **({"status": 500} if kind == "status" else {}))
            try:
                self.ask("PATCH", f"/contacts/{ADA}", {"name": names if when == "after" else "not done"})
            except (ConnectionError, http.client.HTTPException):
                self.connection.close()
            expected = names if when == "after" else {"0": "Ada Lovelace", "1": "1"}[names]
            self.assertEqual(self.get(f"/contacts/{ADA}").data["name"], expected, (kind, when))
