-- By a sid and perhaps a sub, or by a sub alone ({kind}).
CREATE OR REPLACE PROCEDURE {s}"{p}terminate_{kind}_1"(
    p_sid bytea, p_sub bytea, p_reach bigint, p_kept_until bigint, p_dead_for bigint, p_now bigint,
    p_notice text, p_wait text, p_sweep integer,
    INOUT newly_ended bigint, INOUT ids text[], INOUT subs text[], INOUT sids text[], INOUT iats bigint[])
LANGUAGE plpgsql AS $body$
DECLARE
    ended  bigint;
    more   boolean;
BEGIN
    {begin}
    -- Logins under these keys wait until the marks are visible, and this waits for the logins before it: see register.
    PERFORM pg_advisory_xact_lock(least({s}"{p}lock_1"(p_sid), {s}"{p}lock_1"(p_sub)));
    PERFORM pg_advisory_xact_lock(greatest({s}"{p}lock_1"(p_sid), {s}"{p}lock_1"(p_sub)));
    {write_marks}
    {end_some}
    GET DIAGNOSTICS newly_ended = ROW_COUNT;
    {report}
    IF more THEN
        {end_late}
        UPDATE {s}"{p}marks" SET unfinished_at = coalesce(unfinished_at, p_now) WHERE tag IN (p_sid, p_sub);
    END IF;
    {announce}
    IF more THEN
        LOOP
            {end_some_reached}
            GET DIAGNOSTICS ended = ROW_COUNT;
            EXIT WHEN ended = 0;
            newly_ended := newly_ended + ended;
            {commit}
        END LOOP;
        {report}
        UPDATE {s}"{p}marks" m SET unfinished_at = NULL
            WHERE m.tag IN (p_sid, p_sub) AND m.unfinished_at IS NOT NULL AND NOT {unfinished};
    END IF;
    {sweep}
END
$body$;
