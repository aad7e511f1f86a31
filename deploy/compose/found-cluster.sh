#!/bin/sh
# Creates a Redis Cluster from the six servers if they do not form one yet.
set -eu

if redis-cli -h redis-cluster-1 cluster info | grep -q cluster_state:ok; then exit 0; fi
servers=
for number in 1 2 3 4 5 6; do
  servers="$servers $(getent hosts "redis-cluster-$number" | cut -d' ' -f1):6379"
done
# shellcheck disable=SC2086 # a list of words
redis-cli --cluster create $servers --cluster-replicas 1 --cluster-yes
