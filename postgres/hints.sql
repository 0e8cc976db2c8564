
-- Optional: hints, so that rows are seen within milliseconds of their commit,
-- and not at the next poll. Writers of jobs that nobody watches do not notify;
-- the look whether somebody does costs them some 10 microseconds a statement,
-- which can be a fifth of the commits that a busy server makes, and half a
-- microsecond more a row while anything is watched. Commits that notify wait for
-- each other.
--
-- Not for applications that use PREPARE TRANSACTION: Postgres lets no
-- transaction that notifies be prepared. On a partitioned table the trigger
-- does not fire for rows that are inserted straight into a partition; of a
-- view, put it on the table below. Rows are found without it all the same.
--
-- The functions have the rights of whoever creates them, and so name all they
-- use with its schema: where they run the search path is another.
--
-- The user of the dsn writes down here what is watched; it is lost in a crash,
-- and written anew.
--   GRANT SELECT, INSERT, UPDATE, DELETE ON {watch} TO ...;
CREATE UNLOGGED TABLE IF NOT EXISTS {watch} (job text, node text, until timestamptz NOT NULL, PRIMARY KEY (job, node));

CREATE OR REPLACE FUNCTION {rows function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $caddyjobs$
BEGIN
	-- The first part spares those who insert many rows a look for each.
	IF EXISTS (SELECT FROM {watch}) AND EXISTS (
		SELECT FROM new_rows n CROSS JOIN LATERAL (
			SELECT FROM {watch} w WHERE w.job OPERATOR(pg_catalog.=) n.{job}::pg_catalog.text
				AND w.until OPERATOR(pg_catalog.>) pg_catalog.now() LIMIT 1) w
	) THEN
		PERFORM pg_catalog.pg_notify({channel}, '');
	END IF;
	RETURN NULL;
END $caddyjobs$;
DROP TRIGGER IF EXISTS caddyjobs_hint ON {events};
CREATE TRIGGER caddyjobs_hint AFTER INSERT ON {events}
	REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {rows function}();

CREATE OR REPLACE FUNCTION {state function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $caddyjobs$
BEGIN
	IF EXISTS (SELECT FROM {watch} w WHERE w.job OPERATOR(pg_catalog.=) NEW.{jobid}::pg_catalog.text
			AND w.until OPERATOR(pg_catalog.>) pg_catalog.now()) THEN
		PERFORM pg_catalog.pg_notify({channel}, CASE WHEN pg_catalog.octet_length(NEW.{jobid}::pg_catalog.text) OPERATOR(pg_catalog.<) 8000
			THEN NEW.{jobid}::pg_catalog.text ELSE '' END);
	END IF;
	RETURN NULL;
END $caddyjobs$;
DROP TRIGGER IF EXISTS caddyjobs_hint ON {jobs};
CREATE TRIGGER caddyjobs_hint AFTER UPDATE OF {state} ON {jobs} FOR EACH ROW
	WHEN (OLD.{state} IS DISTINCT FROM NEW.{state}) EXECUTE FUNCTION {state function}();

-- To take the hints away again:
--   DROP FUNCTION {rows function}, {state function} CASCADE;
--   DROP TABLE {watch};
