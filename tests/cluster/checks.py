"""checks.py - what must hold, whatever has happened: limits of keys, rows and bytes, webhooks, lines in the logs."""
import re

from parts import KEYS

# The database itself watches limits, in the transaction that would exceed one. Those that have come back from a worker were let
# in before: they wait again although the line of their key may be full meanwhile.
WATCHERS = """
CREATE TABLE chaos_exceeded(limit_of text, key_id text, count int, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE chaos_returned(id uuid);
CREATE TABLE chaos_accepted(key_id text, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION chaos_enters() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE length int; BEGIN
  INSERT INTO chaos_accepted VALUES(NEW.key_id);
  SELECT count(*) INTO length FROM queue WHERE NOT held AND key_id = NEW.key_id AND id NOT IN (SELECT id FROM chaos_returned);
  INSERT INTO chaos_exceeded SELECT 'waiting', NEW.key_id, length FROM keys k WHERE k.id = NEW.key_id AND k.waiting > 0
    AND length > k.waiting;
  RETURN NULL; END $$;
CREATE FUNCTION chaos_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE holds int; BEGIN
  IF NOT NEW.held THEN INSERT INTO chaos_returned VALUES(NEW.id); RETURN NULL; END IF;
  SELECT count(*) INTO holds FROM queue WHERE held AND key_id = NEW.key_id;
  INSERT INTO chaos_exceeded SELECT 'running', NEW.key_id, holds FROM keys k WHERE k.id = NEW.key_id AND k.running > 0
    AND holds > k.running;
  RETURN NULL; END $$;
CREATE TRIGGER chaos_enters AFTER INSERT ON queue FOR EACH ROW EXECUTE FUNCTION chaos_enters();
CREATE TRIGGER chaos_moves AFTER UPDATE OF held ON queue FOR EACH ROW WHEN (OLD.held IS DISTINCT FROM NEW.held)
  EXECUTE FUNCTION chaos_moves();
"""
LATE_S = 12  # between the payment of a token and the row that was paid for, at most: the database may be away meanwhile
TOLD_S = 30  # a delivery that its courier could not write down comes again, if something was wrong so long before or after


def watch(cluster):
    cluster.sql(WATCHERS)


def check_rate(cluster, clients):
    """Tokens of a key's minute. They lie in a table that is empty after a crash of the database, and are full again then."""
    for key, limits in KEYS.items():
        if "per-minute" not in limits:
            continue
        each_s = limits["per-minute"] / 60
        times = [float(row[0]) for row in cluster.sql(
            "SELECT extract(epoch FROM at) FROM chaos_accepted WHERE key_id = '%s' ORDER BY at" % key)]
        crashes = cluster.services["postgres"].crashes
        for i, begin in enumerate(times):
            for j in range(i, len(times)):
                filled = 1 + sum(begin - LATE_S <= crash <= times[j] for crash in crashes)
                most = limits["per-minute"] * filled + each_s * (times[j] - begin + LATE_S)
                if j - i + 1 > most + 1:
                    clients.wrong("%d of key %s in %.1f s" % (j - i + 1, key, times[j] - begin))
                    return


def check_limits(cluster, clients):
    for row in cluster.sql("SELECT * FROM chaos_exceeded"):
        clients.wrong("a limit was exceeded: " + " ".join(row))
    check_rate(cluster, clients)
    return {row[0]: int(row[1]) for row in cluster.sql("SELECT key_id, count(*) FROM chaos_accepted GROUP BY key_id ORDER BY 1")}


def check_rows(cluster, clients):
    for table, condition, words in (("queue", "true", "something is left in the queue"),
                                    ("webhooks", "true", "a webhook is left"),
                                    ("requests", "ended_ms IS NULL", "a request has neither ended nor waits")):
        if cluster.sql("SELECT count(*) FROM %s WHERE %s" % (table, condition)) != [["0"]]:
            clients.wrong(words)


def check_objects(cluster, clients):
    """Bytes and rows, each with the other. Rows are read before and after: what is being removed has none any more then."""
    rows = "SELECT object FROM files UNION SELECT object FROM objects UNION SELECT object FROM parts"
    known = {row[0] for row in cluster.sql(rows)}
    there = {name for name in cluster.objects() if not name.startswith("probe")}
    whole = {row[0] for row in cluster.sql("SELECT object FROM files WHERE whole")}
    for lost in whole - there:
        clients.wrong("a file without bytes: " + lost)
    for stray in there - known:
        clients.wrong("bytes that no row knows: " + stray)
    return len(there)


def check_webhooks(cluster, clients):
    """At least once; and once, where neither the courier nor what it needs was in trouble. How many came twice."""
    couriers = {server.place.address: server for server in cluster.servers}
    twice = 0
    for known in clients.accepted.values():
        told = clients.webhooks.get(known.id, [])
        if known.hook and not told:
            clients.wrong("%s: its webhook did not come" % known.id)
        if len(told) < 2:
            continue
        twice += 1
        concerned = [*cluster.services.values(), *(couriers[address] for _, address in told if address in couriers)]
        if cluster.why_no_network:
            concerned = [*cluster.services.values(), *cluster.servers]
        for (when, _), (again, _) in zip(told, told[1:]):
            if not any(part.troubled(when - TOLD_S, again + 1) for part in concerned):
                clients.wrong("%s: its webhook came twice, and nothing was wrong with its courier" % known.id)
    return twice


def lines(cluster, pattern):
    return sum(len(re.findall(pattern, text)) for _, text in cluster.logs())


def check_logs(cluster, clients, made):
    """What an operator reads of them: how many lines of each kind."""
    told = {"rescued": lines(cluster, r"was rescued from process"), "handed over": lines(cluster, r"was handed over to others"),
            "lost lease": lines(cluster, r"the lease is lost")}
    for kind, needed in (("rescued", "killed"), ("lost lease", "packets dropped")):
        if made.get(needed, 0) > 10 and not told[kind]:
            clients.wrong("no line in any log tells of: " + kind)
    return told
