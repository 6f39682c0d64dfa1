#!/bin/bash
# A pretraining over several machines, started by Slurm:
#
#   hornbook run RECIPE --until tokenize     (once, where there is a network)
#   sbatch docs/slurm.sh RECIPE
#
# RECIPE names a file, a shipped recipe as "node", or a run's folder, and says
# pretrain.parallel = "ddp" or "fsdp"; pretrain.batch is a multiple of all GPUs.
# Submit it from the folder that holds runs/, on a disk that all machines see.
# The first process walks the road; all share the pretraining, and the others
# leave after it. A job that was cut off goes on when it is submitted again.
#
# This has never run on a GPU, nor under Slurm. Two processes on a processor
# give the losses of one; that is what the tests hold.

#SBATCH --job-name=hornbook
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
# Two minutes before the end every process is told to stop: the step that is
# being made is finished and saved.

set -euo pipefail
RECIPE=${1:?usage: sbatch docs/slurm.sh RECIPE}

# The first machine of the job is where all processes meet
MEET=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

exec srun torchrun \
    --nnodes="$SLURM_NNODES" \
    --nproc-per-node="$SLURM_GPUS_ON_NODE" \
    --rdzv-id="$SLURM_JOB_ID" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="$MEET:29400" \
    -m hornbook run "$RECIPE"
