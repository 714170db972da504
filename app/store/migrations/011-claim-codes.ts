/**
 * First boot. `claim_codes` has the one-time code that is asked for at /setup, and those of files that may never count again: their
 * wrong tries and their use outlive restarts. `hash` is all that is kept of a code. `opened_uptime_s` is the machine's uptime, not
 * the time of day, which a box without a battery learns only later.
 */
export const claimCodes = `
  create table claim_codes (
    hash blob primary key,
    source text not null check (source in ('file', 'start', 'command')),
    wrong_tries integer not null check (wrong_tries >= 0),
    opened_uptime_s integer not null,
    is_current integer not null check (is_current in (0, 1)),
    used_at_ms integer
  ) strict, without rowid;
  create unique index claim_codes_current on claim_codes (is_current) where is_current = 1;
`
