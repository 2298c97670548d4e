from pneumo import plots


def test_histogram_counts_every_image(scores):
    labels, probabilities = scores
    figure = plots.probability_histogram(labels, probabilities, 0.5, [0.3, 0.9])
    assert [sum(bar.y) for bar in figure.data[:2]] == [(labels == 0).sum(), (labels == 1).sum()]
    assert list(figure.data[2].x) == [0.3, 0.9]


def test_marks_at_0_and_1_are_whole_and_claim_no_certainty(scores):
    histogram = plots.probability_histogram(*scores, 0.5, [0.0, 1.0])
    low, high = histogram.layout.xaxis.range
    assert low < 0 < 1 < high
    for threshold, side in ((0.02, "left"), (0.98, "right")):
        words = plots.probability_histogram(*scores, threshold).layout.annotations[0]
        assert (words.text, words.xanchor) == (f"threshold {threshold:.3f}", side)
    assert histogram.data[2].cliponaxis is False
    assert histogram.data[2].hovertext == ("<0.001", ">0.999")
