-- ====================================================================
-- Change something, or rather see what would be sent
-- ====================================================================
SET pylon_fdw.dry_run = on;
INSERT INTO contacts (name, email) VALUES ('Radia Perlman', 'radia@acme.com');
UPDATE contacts SET portal_role = 'member' WHERE email = :'some_email';
UPDATE accounts SET tags = tags || '{renews-soon}'
	WHERE id IN (SELECT account_id FROM billing WHERE renews_on = '2026-12-03');
RESET pylon_fdw.dry_run;

