"""What the 375 features are: names in the cohort's order, classes, sub-bands and pyradiomics settings.

COVID-MTL paper, section 4.1: first order, GLCM, GLRLM and GLSZM of the lungs, then GLCM and GLRLM of the eight coif1
wavelet sub-bands. What the paper leaves out is fixed by the released table itself:

- GLRLM and GLSZM share three names; the table holds GLSZM's values at GLRLM's positions (the later class overwrote
  the earlier one), so 18 + 24 + 16 + 16 values make 71 columns;
- the sub-bands have 22 GLCM features (MCC and SumAverage left out) in the order below.
"""

from __future__ import annotations

BIN_WIDTH = 25  # grey levels, pyradiomics ``binWidth`` of the cohort, for the image and the sub-bands alike
WAVELET = "coif1"

FIRST_ORDER = (
    "10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum",
    "MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation", "RootMeanSquared",
    "Skewness", "TotalEnergy", "Uniformity", "Variance",
)  # fmt: skip
GLCM = (
    "Autocorrelation", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast", "Correlation",
    "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "Id", "Idm", "Idmn", "Idn", "Imc1", "Imc2",
    "InverseVariance", "JointAverage", "JointEnergy", "JointEntropy", "MCC", "MaximumProbability", "SumAverage",
    "SumEntropy", "SumSquares",
)  # fmt: skip
GLRLM = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelRunEmphasis",
    "LongRunEmphasis", "LongRunHighGrayLevelEmphasis", "LongRunLowGrayLevelEmphasis", "LowGrayLevelRunEmphasis",
    "RunEntropy", "RunLengthNonUniformity", "RunLengthNonUniformityNormalized", "RunPercentage", "RunVariance",
    "ShortRunEmphasis", "ShortRunHighGrayLevelEmphasis", "ShortRunLowGrayLevelEmphasis",
)  # fmt: skip
GLSZM = (
    "GrayLevelNonUniformity", "GrayLevelNonUniformityNormalized", "GrayLevelVariance", "HighGrayLevelZoneEmphasis",
    "LargeAreaEmphasis", "LargeAreaHighGrayLevelEmphasis", "LargeAreaLowGrayLevelEmphasis",
    "LowGrayLevelZoneEmphasis", "SizeZoneNonUniformity", "SizeZoneNonUniformityNormalized", "SmallAreaEmphasis",
    "SmallAreaHighGrayLevelEmphasis", "SmallAreaLowGrayLevelEmphasis", "ZoneEntropy", "ZonePercentage",
    "ZoneVariance",
)  # fmt: skip
WAVELET_GLCM = (
    "Autocorrelation", "JointAverage", "ClusterProminence", "ClusterShade", "ClusterTendency", "Contrast",
    "Correlation", "DifferenceAverage", "DifferenceEntropy", "DifferenceVariance", "JointEnergy", "JointEntropy",
    "Imc1", "Imc2", "Idm", "Idmn", "Id", "Idn", "InverseVariance", "MaximumProbability", "SumEntropy", "SumSquares",
)  # fmt: skip

SUB_BANDS = ("LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH", "LLL")
"""Sub-bands in the cohort's order; the letters stand for the x, y and z axis (pyradiomics' own naming)."""

CLASSES = {"firstorder": FIRST_ORDER, "glcm": GLCM, "glrlm": GLRLM, "glszm": GLSZM}
"""Features of the unfiltered image, by pyradiomics class, in the order in which the cohort's table was written."""

FEATURE_NAMES: tuple[str, ...] = (
    *dict.fromkeys(name for names in CLASSES.values() for name in names),
    *(f"{band}_glcm_{name}" for band in SUB_BANDS for name in WAVELET_GLCM),
    *(f"{band}_glrlm_{name}" for band in SUB_BANDS for name in GLRLM),
)
"""All 375 names, in the order of the cohort's table."""
