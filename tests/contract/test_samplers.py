"""The shipped contract of samplers, kept by every sampler that is shipped."""

from paceline import KDE, Alternating, GaussianProcess, Grid, QuasiRandom, Random, Trees
from paceline.testing.samplers import SamplerContract


class TestRandom(SamplerContract):
    settings_under_test = Random()


class TestGrid(SamplerContract):
    settings_under_test = Grid(resolution=3)
    never_runs_out = False

    def test_seeds_differ(self):
        """They do not: a grid has no randomness."""


class TestQuasiRandom(SamplerContract):
    settings_under_test = QuasiRandom()


class TestKDE(SamplerContract):
    settings_under_test = KDE()


class TestKDEOfThePaper(SamplerContract):
    settings_under_test = KDE(lie=False, min_points_rule="paper", random_fraction=0.0)


class TestKDEAtFullResource(SamplerContract):
    settings_under_test = KDE(
        random_fraction=0.1,
        top_fraction=0.1,
        max_good=25,
        spread=0.19,
        min_points=2,
        truncate=True,
        prior_weight=1.0,
    )


class TestTrees(SamplerContract):
    settings_under_test = Trees()


class TestGaussianProcess(SamplerContract):
    settings_under_test = GaussianProcess(random_fraction=0.1, min_results=3)


class TestAlternating(SamplerContract):
    settings_under_test = Alternating(samplers=(KDE(), Trees(), GaussianProcess()))
