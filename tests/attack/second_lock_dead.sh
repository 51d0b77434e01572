#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The attack of second_lock.sh with sallyportd dead when each event happens: the other half of its matrix, in a lab of its own.
DAEMONS=dead exec bash "$(dirname "$0")/second_lock.sh"
