"""What people read: tables of a run, a comparison, an estimate, a load; its figure; the files of a run directory."""

from simulator.report.capacity import capacities_table, capacity_table
from simulator.report.capacity_figure import capacity_figure
from simulator.report.catalogue import catalogue_table
from simulator.report.compare import compare_markdown, compare_table
from simulator.report.doctor import doctor_table
from simulator.report.estimate import estimate_table
from simulator.report.files import to_json, write_new, write_over, write_queries, write_run
from simulator.report.load import load_table
from simulator.report.load_figure import figure_format, load_figure
from simulator.report.queries import write_queries_csv
from simulator.report.run import run_table
from simulator.report.sensitivity import sensitivity_table
from simulator.report.sensitivity_figure import sensitivity_figure
from simulator.report.size import size_table
from simulator.report.size_figure import size_figure
from simulator.report.sweep import sweep_csv, sweep_table
from simulator.report.sweep_figure import sweep_figures
from simulator.report.verify import verify_csv, verify_markdown, verify_table
from simulator.report.verify_figures import verify_figures

__all__ = [
    "capacities_table",
    "capacity_figure",
    "capacity_table",
    "catalogue_table",
    "compare_markdown",
    "compare_table",
    "doctor_table",
    "estimate_table",
    "figure_format",
    "load_figure",
    "load_table",
    "run_table",
    "sensitivity_figure",
    "sensitivity_table",
    "size_figure",
    "size_table",
    "sweep_csv",
    "sweep_figures",
    "sweep_table",
    "to_json",
    "verify_csv",
    "verify_figures",
    "verify_markdown",
    "verify_table",
    "write_new",
    "write_over",
    "write_queries",
    "write_queries_csv",
    "write_run",
]
