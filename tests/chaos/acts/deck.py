"""Every act there is, and how many cards of it the deck holds."""

from chaos.acts import daemons, mail, postgres, sms, wires
from chaos.plan import Act

ACTS: dict[Act, int] = {
    daemons.kill: 3,
    daemons.kill_all: 1,
    daemons.terminate: 2,
    daemons.suspend: 2,
    daemons.suspend_beyond_the_lease: 3,
    postgres.stop_immediate: 1,
    postgres.stop_fast: 1,
    postgres.lock_table: 1,
    postgres.hold_snapshot: 1,
    postgres.terminate_backends: 2,
    wires.stall: 2,
    wires.reset: 2,
    wires.refuse: 2,
    wires.cut: 2,
    wires.silence: 1,
    wires.trickle: 1,
    mail.busy: 1,
    mail.greylist: 1,
    mail.hang_up_before: 1,
    mail.hang_up_unaccepted: 1,
    mail.hang_up_accepted: 2,
    mail.stall_at_the_dot: 1,
    sms.too_many: 1,
    sms.error_unaccepted: 1,
    sms.error_accepted: 2,
    sms.reset_unaccepted: 1,
    sms.reset_accepted: 2,
    sms.stall_accepted: 2,
    sms.garble: 1,
    sms.list_late: 2,
    sms.list_broken: 1,
}
