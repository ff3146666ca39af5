"""What people read: tables of a run, a comparison, an estimate, a load; its figure; the files of a run directory."""
