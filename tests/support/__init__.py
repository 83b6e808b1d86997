"""What tests share: waiting for a condition, throw-away databases, rows of a booking system, real daemons."""
