"""What people would use instead of the extension: the same query by other means. Each reads seven columns of all contacts."""

from lab import SCRATCH, TOKEN, SampleApi, Session, process_seconds

COLUMNS = "id text, name text, email text, account_id text, portal_role text, avatar_url text, custom_fields jsonb"
NAMES = [column.split()[0] for column in COLUMNS.split(", ")]
COUNT = "SELECT " + ", ".join(f"count({name})" for name in NAMES) + " FROM {}"

FLATTEN = """
    return {slug: field["values"] if field.get("values") else field.get("value")
            for slug, field in (contact.get("custom_fields") or {}).items()}
"""

PAGES = """
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + token
    parameters = {"limit": 999}
    while True:
        page = session.get(url + "/contacts", params=parameters).json()
        yield from page["data"]
        pagination = page.get("pagination") or {}
        if not pagination.get("has_next_page"):
            return
        parameters["cursor"] = pagination["cursor"]
"""

ROW = """(contact["id"], contact.get("name"), contact.get("email"), (contact.get("account") or {}).get("id"),
             contact.get("portal_role"), contact.get("avatar_url"), json.dumps(flatten(contact)))"""

PLPYTHON = f"""
CREATE OR REPLACE FUNCTION contacts_by_python(url text, token text) RETURNS TABLE ({COLUMNS}) LANGUAGE plpython3u AS $$
import json, requests
def flatten(contact):{FLATTEN}
def contacts():{PAGES}
for contact in contacts():
    yield {ROW}
$$"""

SCRIPT = f"""
import io, csv, json, sys, requests, psycopg2
url, token, host = sys.argv[1:]
def flatten(contact):{FLATTEN}
def contacts():{PAGES}
file = io.StringIO()
writer = csv.writer(file)
for contact in contacts():
    writer.writerow({ROW})
file.seek(0)
with psycopg2.connect(host=host, dbname="postgres", user="postgres") as connection:
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE copied ({COLUMNS})")
    cursor.copy_expert("COPY copied FROM STDIN (FORMAT csv)", file)
    cursor.execute("{COUNT.format('copied')}")
"""

HTTP = f"""
CREATE OR REPLACE FUNCTION contacts_by_http(url text, token text) RETURNS TABLE ({COLUMNS}) LANGUAGE plpgsql AS $$
DECLARE
  page jsonb;
  path text := url || '/contacts?limit=999';
BEGIN
  LOOP
    SELECT h.content::jsonb INTO page
    FROM http(('GET', path, ARRAY[http_header('Authorization', 'Bearer ' || token)], NULL, NULL)::http_request) h;
    RETURN QUERY SELECT c->>'id', c->>'name', c->>'email', c#>>'{{account,id}}', c->>'portal_role', c->>'avatar_url',
      (SELECT coalesce(jsonb_object_agg(f.key, coalesce(nullif(f.value->'values', '[]'), f.value->'value')), '{{}}')
       FROM jsonb_each(CASE WHEN jsonb_typeof(c->'custom_fields') = 'object' THEN c->'custom_fields' ELSE '{{}}' END) f)
    FROM jsonb_array_elements(page->'data') c;
    EXIT WHEN NOT coalesce((page#>>'{{pagination,has_next_page}}')::boolean, false);
    path := url || '/contacts?limit=999&cursor=' || urlencode(page#>>'{{pagination,cursor}}');
  END LOOP;
END $$"""

SHELL = r"""
set -e
cursor=
while :; do
    page=$(curl -sS -H "Authorization: Bearer $TOKEN" -G "$URL/contacts" -d limit=999 \
        ${cursor:+--data-urlencode "cursor=$cursor"})
    jq -r '.data[] | [.id, .name, .email, .account.id, .portal_role, .avatar_url,
        ((.custom_fields // {}) | with_entries(.value |= if (.values // []) == [] then .value else .values end) | tojson)] | @csv' \
        <<<"$page"
    cursor=$(jq -r 'if .pagination.has_next_page then .pagination.cursor else empty end' <<<"$page")
    [ -n "$cursor" ] || break
done | psql -XqAt -v ON_ERROR_STOP=1 -c "CREATE TEMP TABLE copied (COLUMNS)" -c "COPY copied FROM STDIN (FORMAT csv)" -c "COUNT"
""".replace("COLUMNS", COLUMNS).replace("COUNT", COUNT.format("copied"))


def by_function(session: Session, api: SampleApi, name: str) -> float:
    return session.seconds(COUNT.format(f"{name}('{api.url}', '{TOKEN}')"))


def by_script(session: Session, api: SampleApi) -> float:
    file = SCRATCH / "contacts_by_script.py"
    file.write_text(SCRIPT)
    host = session.connection.info.host
    return process_seconds(["/usr/bin/python3", str(file), api.url, TOKEN, host])


def by_shell(session: Session, api: SampleApi) -> float:
    return process_seconds(["env", f"URL={api.url}", f"TOKEN={TOKEN}", "bash", "-c", SHELL])


def available(session: Session, extension: str) -> bool:
    return session.value(f"SELECT count(*) FROM pg_available_extensions WHERE name = '{extension}'") > 0
