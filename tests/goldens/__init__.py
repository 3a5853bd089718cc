"""One file a model: `run(case_dir, case)` gives the stages of a golden case as ours computes them.

`case` is the content of case.json. `run` yields (stage name, numpy array or torch tensor) pairs,
every stage once and in any order, and raises on a variant that it does not know. Heavy imports
belong inside `run`, so that listing the models stays cheap.
"""
