#!/bin/bash
# Lets the services' own Python clients drive the stand-ins that the tests of hosted services use: a
# witness that the stand-ins speak as the services do. The clients go into an environment of their own,
# as they are no part of this package.
#
#   FITTING_ROOM_DOUBLES=FOLDER scripts/check_doubles.sh [ENVIRONMENT]
#
# ENVIRONMENT: a folder that is kept for the next time; without it, one that is thrown away.
set -euo pipefail
doubles=${FITTING_ROOM_DOUBLES:?names the folder of the stand-ins}
[ -f "$doubles/check_with_official_clients.py" ] || { echo "no stand-ins lie in $doubles" >&2; exit 2; }
environment=${1:-}
if [ -z "$environment" ]; then
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
fi
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet -r "$doubles/requirements.txt" pynacl \
    replicate==1.0.7 fal-client==1.0.3 fashn==0.9.0 dashscope==2.0.2 google-genai==3.6.1

said=$(mktemp)
export PYTHONDONTWRITEBYTECODE=1
for check in check_with_official_clients check_faults; do
    "$environment/bin/python" "$doubles/$check.py" 2>&1 | tee -a "$said"
done
if grep -q '^skip' "$said"; then  # a client that is missing is no witness
    echo "Some steps were left out." >&2
    exit 1
fi
echo "$(grep -c '^ok' "$said") steps: the stand-ins are as the clients want them."
