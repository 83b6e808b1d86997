/*
 * The lease protocol of notifyd, for the model checker Spin: one job, one channel, several daemons.
 *
 *   spin -a lease.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan     no interleaving breaks a promise
 *   spin -a lease.pml && gcc -O2 -DNP -o pan pan.c && ./pan -l      every job ends
 *
 * A step is a statement of SQL, a request on the wire, or a tick of a clock. Between any two steps a daemon may be killed,
 * or stand still for a while or for ever, and everybody else may go on. The channel is an SMS under the policy `reconcile`;
 * with -DEMAIL it is an e-mail, which cannot be asked for and is sent again.
 *
 * Assumed of the world, and of nothing else:
 *   1. When the grace has passed since the ledger said `unknown`, what had been handed to the provider is in its list or
 *      will never be accepted. (-DLIST_LAGS_FOR_EVER drops this.)
 *   2. A daemon hands over at the moment at which it looks at its deadline. (-DWRITES_PAST_DEADLINE drops this.)
 *   3. A lease does not run out by the database's clock before it does by its holder's. (-DCLOCK_JUMPS_AHEAD drops this.)
 *   4. Some daemon lives, and crashes and stalls are finitely many.
 * Without 1, 2 or 3 an SMS can be sent twice. Every other #ifdef breaks the protocol itself in one place:
 * test_lease_protocol.py sees each of them found out.
 */

#ifndef DAEMONS
#define DAEMONS 2
#endif
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 2
#endif
#ifndef FAULTS
#define FAULTS 2  /* crashes, stalls and lost answers of the database, in all */
#endif
#ifndef CHANGES
#define CHANGES 2 /* the booking system calls the job off, and on again */
#endif

/* The states of a job (notification_jobs.status) and of its delivery (notifyd.deliveries.state). */
mtype = { pending, processing, scheduled, completed, failed, cancelled, absent, intended, retrying, sent, unknown };

/* notification_jobs */
mtype status = pending;
byte attempts;

/* notifyd.leases, the one row that the job may have */
byte lease;               /* lease_id; 0 where there is no row */
byte holder;              /* daemon */
bool expired;             /* expires_at < now() */

/* notifyd.deliveries, the one row of this channel */
mtype ledger = absent;    /* state */
byte intent;              /* lease_id */
bool grace_over;          /* RECONCILE_GRACE has passed since settled_at */

/* What each daemon remembers: `Job`, the snapshot that a claim returns, and its deadline */
byte mine[DAEMONS];       /* lease_id; 0 when it has no job */
bool good[DAEMONS];       /* the deadline of the monotonic clock lies ahead */
bool killed[DAEMONS];

/* The wire and the provider */
bool underway[DAEMONS];   /* a request is on the wire, and its sender waits */
byte adrift;              /* requests whose sender no longer listens */
byte accepted;            /* messages in the customer's mailbox */
byte listed;              /* how many of them the provider's list shows */

/* What only the proof knows */
byte faults = FAULTS;
byte changes = CHANGES;
byte gone;                /* daemons that never come back */
byte doubts;              /* e-mail: how often the ledger has said `unknown` */
bool ended[DAEMONS];      /* a verdict was written under the lease that the daemon remembers */

#ifdef COPIES_ALONE
#define PROMISE(fact) skip /* look for copies, and let the rest pass */
#else
#define PROMISE(fact) assert(fact)
#endif

#define FINAL (status == completed || status == failed || status == cancelled)
#define LAST (attempt >= MAX_ATTEMPTS)
#define EXHAUSTED (attempt > MAX_ATTEMPTS)

/* ---- The statements of the store ---- */

/* Whatever a daemon writes, it writes under its lease: a stale writer changes nothing. */
#define UNDER_LEASE PROMISE(lease == mine[me])

inline say_unknown() {
    ledger = unknown;
    intent = 0; /* still there in the table, where nothing asks for it any more */
#ifdef EMAIL
    doubts++
#endif
}

inline take_away_lease() {
    lease = 0; holder = 0; expired = false
}

/* store/jobs.py CLAIM. A lease id is never used twice; here one that nobody remembers is as good as new. */
#if defined(CLAIM_OVER_A_LIVE_LEASE)
#define CLAIMABLE (status == pending)
#elif defined(CLAIM_OVER_AN_EXPIRED_LEASE)
#define CLAIMABLE (status == pending && (lease == 0 || expired))
#else
#define CLAIMABLE (status == pending && lease == 0)
#endif

#if DAEMONS == 2
#define REMEMBERED(id) (id == lease || id == intent || id == mine[0] || id == mine[1])
#define ANY_UNDERWAY (underway[0] || underway[1])
#else
#define REMEMBERED(id) (id == lease || id == intent || id == mine[0] || id == mine[1] || id == mine[2])
#define ANY_UNDERWAY (underway[0] || underway[1] || underway[2])
#endif

inline claim() {
    fresh = 1;
    do
    :: REMEMBERED(fresh) -> fresh++
    :: else -> break
    od;
    status = processing;
#ifndef ATTEMPTS_ARE_NOT_COUNTED
    attempts = (attempts <= MAX_ATTEMPTS -> attempts + 1 : attempts);
#endif
    lease = fresh; holder = me; expired = false;
    mine[me] = fresh; attempt = attempts; seen = ledger; over = grace_over; good[me] = true;
    fresh = 0
}

/* store/jobs.py RELEASE_STRAYS: the answer to a claim was lost, its job is given back unspent. */
inline release_strays() {
    if
    :: lease == mine[me] ->
        take_away_lease();
        if
        :: status == processing -> status = pending; attempts--
        :: else
        fi
    :: else
    fi
}

/* store/deliveries.py INTEND: needs the lease. */
#ifdef INTENT_WITHOUT_LEASE
#define MAY_INTEND (ledger != sent && ledger != failed)
#else
#define MAY_INTEND (ledger != sent && ledger != failed && lease == mine[me])
#endif

inline intend() {
    UNDER_LEASE;
    ledger = intended;
    intent = mine[me];
    grace_over = false
}

/* store/record.py RECORD, an outcome: needs the intent of the same lease. */
#if defined(NO_INTENT)
#define MAY_RECORD (ledger != sent && ledger != failed && lease == mine[me])
#elif defined(RECORD_WITHOUT_FENCE)
#define MAY_RECORD (ledger == intended)
#else
#define MAY_RECORD (ledger == intended && intent == mine[me])
#endif

inline record() {
    if
    :: MAY_RECORD ->
        UNDER_LEASE;
        if
        :: outcome == unknown -> say_unknown()
        :: else -> ledger = outcome; intent = 0
        fi
    :: else
    fi
}

/* store/inquiries.py PROVE, what the provider's list has shown: needs the lease. */
#define MAY_PROVE (lease == mine[me] && (ledger == unknown || ledger == intended))

inline prove(shown) {
    UNDER_LEASE;
    ledger = shown;
    intent = 0; grace_over = false
}

/* store/record.py RECORD, a verdict: takes the lease away, and writes only where it was there. */
#ifdef SETTLE_WITHOUT_FENCE
#define MAY_SETTLE true
#else
#define MAY_SETTLE (lease == mine[me])
#endif

inline settle() {
    if
    :: MAY_SETTLE ->
        UNDER_LEASE;
        PROMISE(!ended[me]); ended[me] = true; /* once a claim */
        take_away_lease();
        if
        :: status == processing -> status = verdict; attempts = (spent -> attempts : attempts - 1)
        :: else /* job.gone: the booking system has called it off */
        fi
    :: else /* lease.lost */
    fi
}

/* ---- The daemon ---- */

/* model/decide.py: what is owed, and what becomes of the job. */
#define SETTLED (seen == sent || seen == failed)
#if defined(EMAIL) || defined(NO_RECONCILE)
#define IN_DOUBT false
#else
#define IN_DOUBT (seen == intended || seen == unknown)
#endif

inline decide() {
    if
    :: outcome == sent -> verdict = completed
    :: outcome == failed -> verdict = failed
    :: outcome == retrying -> verdict = scheduled
#ifdef EMAIL
    :: outcome == unknown -> verdict = (LAST -> failed : scheduled)
#else
    :: outcome == unknown -> verdict = scheduled
#endif
    fi
}

/* engine/leases.py `good`: errs early, so that a lease does not expire while its holder finds it good. */
#ifdef NO_DEADLINE
#define IN_TIME true
#else
#define IN_TIME (good[me])
#endif

/* The first byte leaves; nobody else can hold the job at this moment. */
inline hand_over() {
    PROMISE(lease == mine[me] && !expired);
    underway[me] = true
}

/* The provider takes the message. */
inline accept() {
    accepted++;
#ifdef EMAIL
    assert(accepted <= 1 + doubts) /* each copy but the first: the ledger had said `unknown` before */
#else
    assert(accepted <= 1)
#endif
}

/* store/pool.py `outlast`: the answer to the statement was lost, though it was carried out; it is repeated. */
#define ANSWER_LOST faults > 0 -> faults--

/* What it knew of its job; in a crash, everything. */
inline forget() {
    adrift = (underway[me] -> adrift + 1 : adrift);
    underway[me] = false; mine[me] = 0; attempt = 0; seen = 0; over = false; good[me] = false;
    ended[me] = false; killed[me] = false;
    outcome = 0; verdict = 0; spent = false
}

proctype daemon(byte me) {
    byte fresh, attempt;
    mtype seen, outcome, verdict;
    bool over, spent;

end_idle:
    {
        atomic { CLAIMABLE -> claim(); spent = true };
        if
        :: true
        :: atomic { ANSWER_LOST; release_strays(); goto idle }
        fi;

        if
        :: SETTLED -> outcome = seen; goto finish
        :: !SETTLED && IN_DOUBT -> goto ask
        :: !SETTLED && !IN_DOUBT && EXHAUSTED -> outcome = failed; goto finish
        :: !SETTLED && !IN_DOUBT && !EXHAUSTED -> goto send
        fi;

ask:    /* engine/inquiry.py: the provider lists its messages to this number */
        outcome = (listed > 0 -> sent : absent);
#ifdef GRACE_JUDGED_AFTER_THE_LIST
        over = grace_over;
#endif
        if
        :: atomic { !MAY_PROVE -> goto idle }
        :: atomic { MAY_PROVE && outcome == sent -> prove(sent); spent = false; goto finish }
        :: atomic { MAY_PROVE && outcome == absent && !over -> outcome = unknown; spent = false; goto progress_asking }
        :: atomic { MAY_PROVE && outcome == absent && over -> prove(retrying) }
        fi;
        if
        :: EXHAUSTED -> outcome = failed; spent = false; goto finish
        :: else
        fi;

send:
#ifndef NO_INTENT
        if
        :: atomic { MAY_INTEND -> intend() }
        :: atomic { MAY_INTEND && faults > 0 -> faults--; intend(); goto send }
        :: atomic { !MAY_INTEND -> goto idle }
        fi;
#endif
        if
#ifdef WRITES_PAST_DEADLINE
        :: IN_TIME; hand_over()
#else
        :: atomic { IN_TIME -> hand_over() }
#endif
        :: atomic { !IN_TIME -> outcome = retrying; record(); goto idle }
        fi;

        /* while it waits, the provider accepts, and is heard or not; refuses; or nothing is heard of it */
        if
        :: atomic { underway[me] = false; accept(); outcome = sent }
        :: atomic { underway[me] = false; accept(); outcome = unknown }
        :: atomic { underway[me] = false; outcome = (LAST -> failed : retrying) }
        :: atomic { underway[me] = false; adrift++; outcome = unknown }
        fi;

note:   if
        :: atomic { record() }
        :: atomic { ANSWER_LOST; record(); goto note }
        fi;

        goto finish;

progress_asking: /* the one round that may be gone for as long as the grace lasts */
        skip;

finish: if
        :: atomic { decide(); settle() }
        :: atomic { ANSWER_LOST; decide(); settle(); goto finish }
        fi
    }
    unless {
        atomic { killed[me] ->
            if
            :: true
            :: gone < DAEMONS - 1 -> gone++; forget(); goto away
            fi }
    };
idle:
    atomic { forget(); goto end_idle };
away:
    skip
}

/* ---- Everybody and everything else ---- */

/* A daemon is killed, or stands still until its lease has run out. */
proctype fate(byte me) {
end:
    do
    :: atomic { faults > 0 && mine[me] != 0 && !killed[me] -> faults--; killed[me] = true }
    :: atomic { faults > 0 && good[me] -> faults--; good[me] = false }
    od
}

/* store/jobs.py RENEW */
active proctype renewal() {
end:
    do
    :: atomic { lease != 0 && mine[holder] == lease && (!good[holder] || expired) ->
           good[holder] = true; expired = false }
    od
}

/* The database's clock: a lease runs out. */
#ifdef CLOCK_JUMPS_AHEAD
#define RUNS_OUT true
#else
#define RUNS_OUT (!good[holder])
#endif

active proctype lease_clock() {
end:
    do
    :: atomic { lease != 0 && !expired && RUNS_OUT -> expired = true }
    od
}

/* The same clock: the grace is over for what was in doubt. */
#ifdef GRACE_FROM_INTENT
#define GRACE_RUNS (ledger == intended || ledger == unknown)
#else
#define GRACE_RUNS (ledger == unknown)
#endif
#ifdef LIST_LAGS_FOR_EVER
#define LIST_COMPLETE true
#else
#define LIST_COMPLETE (adrift == 0 && !ANY_UNDERWAY && listed == accepted)
#endif

active proctype grace_clock() {
end:
    do
    :: atomic { GRACE_RUNS && !grace_over && LIST_COMPLETE -> grace_over = true }
    od
}

/* store/rescue.py RESCUE: an intent without an outcome means that nobody knows. */
active proctype rescue() {
end:
    do
#ifndef NO_RESCUE
    :: atomic { lease != 0 && expired ->
           if
#ifdef RESCUE_WITHOUT_DOUBT
           :: ledger == intended && intent == lease -> ledger = retrying
#else
           :: ledger == intended && intent == lease -> say_unknown()
#endif
           :: else
           fi;
           if
           :: status == processing -> status = pending
           :: else
           fi;
           take_away_lease() }
#else
    :: false
#endif
    od
}

/* store/schedule.py PROMOTE */
active proctype promote() {
end:
    do
    :: status == scheduled -> status = pending
    od
}

/* What is adrift arrives late, or never. */
active proctype network() {
end:
    do
    :: atomic { adrift > 0 -> adrift--; accept() }
    :: adrift > 0 -> adrift--
    od
}

/* The provider's list lags. */
active proctype list() {
end:
    do
    :: listed < accepted -> listed++
    od
}

/* The booking system calls the job off, and on again. */
active proctype booking_system() {
end:
    do
    :: atomic { changes > 0 && !FINAL -> changes--; status = cancelled }
    :: atomic { changes > 0 && status == cancelled -> changes--; status = pending }
    od
}

/* When nothing can happen any more: nothing is stuck, and the ledger tells the truth. */
active proctype judge() {
    bool stuck;
    timeout -> stuck = !FINAL || lease != 0 || ledger == intended;
    PROMISE(!stuck);
    PROMISE(status != completed || accepted > 0);
    PROMISE(ledger != sent || accepted > 0);
#ifndef EMAIL
    PROMISE((ledger != retrying && ledger != failed) || accepted == 0)
#endif
}

init {
    atomic { run daemon(0); run fate(0); run daemon(1); run fate(1)
#if DAEMONS == 3
        ; run daemon(2); run fate(2)
#endif
    }
}
