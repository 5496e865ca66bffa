/* bench_load.c - /proc/stat beside our own CPU time. */
#include "cli/bench_load.h"

#include "base/size.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

bool bn_load_parse(const char *line, double ticks_per_s, bn_load *load)
{
    double user, nice, system, idle, iowait, irq, softirq, steal;
    if (sscanf(line, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &iowait, &irq,
               &softirq, &steal) != 8 ||
        ticks_per_s <= 0)
        return false;
    load->busy_s = (user + nice + system + irq + softirq) / ticks_per_s;
    load->stolen_s = steal / ticks_per_s;
    load->all_s = load->busy_s + load->stolen_s + (idle + iowait) / ticks_per_s;
    return true;
}

void bn_load_now(bn_load *load)
{
    char line[256] = "";
    struct rusage used;
    *load = (bn_load){0};
    FILE *file = fopen("/proc/stat", "re");
    if (!file) return;
    const bool known = fgets(line, sizeof line, file) &&
                       bn_load_parse(line, (double)sysconf(_SC_CLK_TCK), load) &&
                       getrusage(RUSAGE_SELF, &used) == 0;
    fclose(file);
    if (known)
        load->own_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                      (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    else
        *load = (bn_load){0};
}

bn_load_shares bn_load_between(const bn_load *before, const bn_load *behind)
{
    const double all = behind->all_s - before->all_s;
    if (all <= 0 || before->all_s <= 0) return (bn_load_shares){0};
    const double others = behind->busy_s - before->busy_s - (behind->own_s - before->own_s);
    return (bn_load_shares){BN_MAX(others, 0) / all, BN_MAX(behind->stolen_s - before->stolen_s, 0) / all};
}
