"""HTTP: reads, and shows. It never writes, never waits on the engine, and the engine never waits on it."""
