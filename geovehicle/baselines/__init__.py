"""Detectors of the past to compare with; they need the extra ``baselines``."""

HOG_SVM = "geovehicle-hog-svm"
"""The format of the files of HOG + SVM detectors."""
