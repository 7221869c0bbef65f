"""Radiomics, multitask networks, class activation maps, intensity maps, prognosis and the case pipeline."""
