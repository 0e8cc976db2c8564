
-- Optional: hints, so that rows are seen within milliseconds of their commit,
-- and not at the next poll. Writers of jobs that nobody watches do not notify,
-- and pay next to nothing. Commits that notify wait for each other.
--
-- Not for applications that use PREPARE TRANSACTION: Postgres lets no
-- transaction that notifies be prepared. On a partitioned table the trigger
-- does not fire for rows that are inserted straight into a partition; of a
-- view, put it on the table below. Rows are found without it all the same.
--
-- The user of the dsn writes down here what is watched; it is lost in a crash,
-- and written anew.
--   GRANT SELECT, INSERT, UPDATE, DELETE ON {watch} TO ...;
CREATE UNLOGGED TABLE IF NOT EXISTS {watch} (job text, node text, until timestamptz NOT NULL, PRIMARY KEY (job, node));

CREATE OR REPLACE FUNCTION {rows function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $caddyjobs$
BEGIN
	IF EXISTS (
		SELECT FROM (SELECT DISTINCT {job}::text AS job FROM new_rows) n
		CROSS JOIN LATERAL (SELECT FROM {watch} w WHERE w.job = n.job AND w.until > now() LIMIT 1) w
	) THEN
		PERFORM pg_notify({channel}, '');
	END IF;
	RETURN NULL;
END $caddyjobs$;
DROP TRIGGER IF EXISTS caddyjobs_hint ON {events};
CREATE TRIGGER caddyjobs_hint AFTER INSERT ON {events}
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {rows function}();

CREATE OR REPLACE FUNCTION {state function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, {schema}, pg_temp AS $caddyjobs$
BEGIN
	IF EXISTS (SELECT FROM {watch} w WHERE w.job = NEW.{jobid}::text AND w.until > now()) THEN
		PERFORM pg_notify({channel}, CASE WHEN octet_length(NEW.{jobid}::text) < 8000 THEN NEW.{jobid}::text ELSE '' END);
	END IF;
	RETURN NULL;
END $caddyjobs$;
DROP TRIGGER IF EXISTS caddyjobs_hint ON {jobs};
CREATE TRIGGER caddyjobs_hint AFTER UPDATE OF {state} ON {jobs} FOR EACH ROW
	WHEN (OLD.{state} IS DISTINCT FROM NEW.{state}) EXECUTE FUNCTION {state function}();

-- To take the hints away again:
--   DROP FUNCTION {rows function}, {state function} CASCADE;
--   DROP TABLE {watch};
