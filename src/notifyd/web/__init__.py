"""HTTP: reads, and shows. Its only writes are signed receipts; it never waits on the engine, nor the engine on it."""
