"""What notifyd is measured against: the original worker and a bare loop, each a process of its own."""
