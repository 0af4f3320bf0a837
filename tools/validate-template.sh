#!/bin/sh
# `sam validate --lint` of one template, which is silent where there is nothing to say.
said=$(sam validate --lint --template "$1" 2>&1) || { echo "$1: $said" >&2; exit 255; }
