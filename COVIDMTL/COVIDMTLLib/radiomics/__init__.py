"""The 375 lung features of the COVID-MTL cohort, with the cohort's names, order and definitions."""

from COVIDMTLLib.radiomics.definition import FEATURE_NAMES
from COVIDMTLLib.radiomics.extract import ExtractionSettings, extract_features
from COVIDMTLLib.radiomics.table import FeatureTable

__all__ = ["FEATURE_NAMES", "ExtractionSettings", "FeatureTable", "extract_features"]
